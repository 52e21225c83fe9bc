"""The engine on a GPU against reverse mode there, and against itself on the processor."""

from __future__ import annotations

import pytest

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.landscapes.request import LandscapeRequest


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize("name", ["gpt-neo-small", "gpt-neo-tiny", "llama-tiny", "gpt2-tiny"])
def test_forms_on_a_gpu_are_those_of_reverse_mode(name, dtype, tolerance) -> None:
    landscape = LandscapeRequest(landscape=name, device="cuda", dtype=dtype).load()
    arguments = {"seed": 1, "indices": range(6)}
    found = SecondOrderTaylor().quadratic_forms(landscape, landscape.initial, **arguments)
    expected = DoubleBackward().quadratic_forms(landscape, landscape.initial, **arguments)
    assert found == pytest.approx(expected, rel=tolerance, abs=tolerance * max(map(abs, expected)))


@pytest.mark.gpu
def test_samples_on_a_gpu_are_those_of_the_processor() -> None:
    there, here = (
        SecondOrderTaylor().laplacian_samples(scape, scape.initial, seed=1, indices=range(8))
        for scape in (LandscapeRequest(landscape="gpt-neo-small", device=d, dtype="float64").load() for d in ("cuda", "cpu"))
    )
    assert there == pytest.approx(here, rel=1e-9)
