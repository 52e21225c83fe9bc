from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from villani_verify import verify
from villani_verify.curvature.gradient_check import GradientNote, gradient_check
from villani_verify.curvature.probe_signs import probe_signs
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest


@pytest.mark.parametrize(("name", "allowed"), [("gpt-neo-tiny", 1e-13), ("gpt-neo-small", 1e-5)])
def test_both_ways_agree(name: str, allowed: float) -> None:
    landscape = LandscapeRequest(landscape=name, sequences=1, sequence_length=8).load()
    with warnings.catch_warnings():
        warnings.simplefilter("error", GradientNote)
        found = gradient_check(landscape, seed=3)
    assert found is not None
    assert found.relative_difference < allowed
    assert found.forward == pytest.approx(found.reverse, rel=100 * allowed)


def test_closed_form() -> None:
    landscape = Landscape.from_function(lambda x: (x**3).sum() + 9, 3, initial=torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64))
    found = gradient_check(landscape, seed=3)
    v = probe_signs("theta", (3,), seed=3, index=0, like=landscape.initial["theta"])
    assert found is not None
    assert found.forward == pytest.approx(3 * v[0] + 12 * v[1] + 3 * v[2])


def test_a_detached_part_is_noted() -> None:
    landscape = Landscape.from_function(lambda x: (x * x.detach()).sum(), 3, initial=torch.ones(3, dtype=torch.float64))
    with pytest.warns(GradientNote, match="the gradient is not that of the loss's values"):
        found = gradient_check(landscape, seed=3)
    assert found is not None
    assert found.forward == 2 * found.reverse
    results = verify(landscape, criteria=["quadratic_growth"]).as_dict()
    assert results["gradient_check"]["relative_difference"] > 0.1
    assert any(note.startswith("the gradient is not that of the loss's values") for note in results["notes"])


def test_what_cannot_be_expanded_is_not_checked() -> None:
    def loss(x: Tensor) -> Tensor:
        return x.sum() if float(x.detach().sum()) > 0 else 0 * x.sum()

    landscape = Landscape.from_function(loss, 2)
    assert gradient_check(landscape, seed=3) is None
    assert verify(landscape, criteria=["quadratic_growth"]).as_dict()["gradient_check"] is None


def test_at_a_stationary_point_both_vanish() -> None:
    found = gradient_check(Landscape.from_function(lambda x: (x**2).sum(), 2), seed=3)
    assert found is not None
    assert (found.forward, found.reverse, found.relative_difference) == (0.0, 0.0, 0.0)
