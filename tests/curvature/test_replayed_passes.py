from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from villani_verify.curvature import replayed_passes, second_order_taylor
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.replayed_passes import ReplayedPasses
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def squares(indices: Any) -> torch.Tensor:
    return torch.tensor([float(k * k) for k in indices])


def test_a_processor_computes_every_pass() -> None:
    passes = ReplayedPasses(squares, 0, torch.device("cpu"))
    for start in range(0, 40, 10):
        assert passes(range(start, start + 10), still_to_come=40 - start).tolist() == [k * k for k in range(start, start + 10)]
    assert passes.captures == 0


@pytest.fixture
def small() -> Landscape:
    return LandscapeRequest(landscape="gpt-neo-small", device="cuda").load()


@on_gpu
@pytest.mark.parametrize("rounding", [None, torch.bfloat16])
def test_replays_are_the_passes_to_the_last_bit(small, rounding, monkeypatch) -> None:
    made = []

    class Watched(ReplayedPasses):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    # Passes of ten probes: six whole ones, and one of five.
    monkeypatch.setattr(second_order_taylor, "pass_sizes", lambda landscape, point: (landscape, 10))
    monkeypatch.setattr(second_order_taylor, "ReplayedPasses", Watched)
    sample = partial(SecondOrderTaylor(rounding).laplacian_samples, small, small.initial, seed=3)
    found = sample(indices=range(60))
    assert made[0].captures == 1
    monkeypatch.setattr(replayed_passes, "has_kernels", lambda device: False)
    assert found == sample(indices=range(60))
    assert made[1].captures == 0


@on_gpu
def test_nothing_in_a_pass_waits_for_the_gpu(small, monkeypatch) -> None:
    waits = []

    class Strict(ReplayedPasses):
        def __call__(self, indices: Any, *, still_to_come: int) -> torch.Tensor:
            torch.cuda.set_sync_debug_mode("default" if still_to_come == 40 else "error")  # the first one looks rows up
            try:
                found = super().__call__(indices, still_to_come=still_to_come)
                waits.append(still_to_come)
                return found
            finally:
                torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(second_order_taylor, "pass_sizes", lambda landscape, point: (landscape, 20))
    monkeypatch.setattr(second_order_taylor, "ReplayedPasses", Strict)
    SecondOrderTaylor().quadratic_forms(small, small.initial, seed=0, indices=range(40))
    assert waits == [40, 20]


@on_gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize("name", ["gpt-neo-small", "gpt-neo-tiny", "llama-tiny", "gpt2-tiny"])
def test_forms_on_a_gpu_are_those_of_reverse_mode(name, dtype, tolerance) -> None:
    landscape = LandscapeRequest(landscape=name, device="cuda", dtype=dtype).load()
    arguments = {"seed": 1, "indices": range(6)}
    found = SecondOrderTaylor().quadratic_forms(landscape, landscape.initial, **arguments)
    expected = DoubleBackward().quadratic_forms(landscape, landscape.initial, **arguments)
    assert found == pytest.approx(expected, rel=tolerance, abs=tolerance * max(map(abs, expected)))


@on_gpu
def test_samples_on_a_gpu_are_those_of_the_processor(small) -> None:
    there, here = (
        SecondOrderTaylor().laplacian_samples(scape, scape.initial, seed=1, indices=range(8))
        for scape in (LandscapeRequest(landscape="gpt-neo-small", device=d, dtype="float64").load() for d in ("cuda", "cpu"))
    )
    assert there == pytest.approx(here, rel=1e-9)


@on_gpu
def test_a_pass_that_cannot_be_captured_is_computed() -> None:
    def waits(indices: Any) -> torch.Tensor:
        return squares(indices).cuda() * float(torch.ones(1, device="cuda"))

    passes = ReplayedPasses(waits, 0, torch.device("cuda"))
    for start in range(0, 50, 10):
        assert passes(range(start, start + 10), still_to_come=50 - start).tolist() == [k * k for k in range(start, start + 10)]
    assert passes.captures == 0
