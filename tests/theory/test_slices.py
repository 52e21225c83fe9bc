from __future__ import annotations

import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.landscapes.zoo import ZOO
from villani_verify.theory.poincare.constant import poincare_constant
from villani_verify.theory.slices import coordinate_directions, slice_of


@pytest.fixture(scope="module")
def tiny() -> Landscape:
    return ZOO["gpt-neo-tiny"].make()


def test_a_slice_is_the_loss_on_a_plane(tiny) -> None:
    directions = coordinate_directions(tiny, 2, 5)
    cut = slice_of(tiny, directions)
    start = torch.cat(list(cut.initial.values()))
    assert cut.dimension == 2
    assert cut.loss(cut.initial) == pytest.approx(tiny.loss(tiny.initial), rel=1e-12)
    moved = dict(tiny.initial)
    for v, step in zip(directions, (0.7, -1.1), strict=True):
        for n, t in v.items():
            moved[n] = moved[n] + step * t
    u = {"theta": start + torch.tensor([0.7, -1.1], dtype=torch.float64)}
    assert cut.loss(u) == pytest.approx(tiny.loss(moved), rel=1e-12)
    # The decay of the slice is that of the whole up to a constant.
    assert cut.decay_value(u) - cut.decay_value(cut.initial) == pytest.approx(
        tiny.decay_value(moved) - tiny.decay_value(tiny.initial), rel=1e-9
    )


def test_directions_need_not_be_coordinates() -> None:
    bowl = Landscape.from_function(lambda x: (x[0] - x[1]) ** 2, 3, weight_decay=0.5)
    half = 0.5**0.5
    along = {"theta": torch.tensor([half, -half, 0.0], dtype=torch.float64)}
    # On this line F = (√2 u)² + ¼u² + …, with curvature 4 + λ.
    assert poincare_constant(slice_of(bowl, [along])).value == pytest.approx(1 / 4.5, rel=1e-3)


def test_a_seed_draws_the_same_parameters_again_and_no_two_alike(tiny) -> None:
    first, again = coordinate_directions(tiny, 3, 1), coordinate_directions(tiny, 3, 1)
    for v, w in zip(first, again, strict=True):
        assert list(v) == list(w)
        assert all(torch.equal(v[n], w[n]) for n in v)
    slice_of(tiny, first)  # orthonormal
    assert [list(v) for v in coordinate_directions(tiny, 3, 2)] != [list(v) for v in first]


def test_every_parameter_of_a_small_landscape_can_be_drawn() -> None:
    bowl = Landscape.from_function(lambda x: (x**2).sum(), 3, weight_decay=0.5, blocks={"a": 1, "b": 2})
    found = coordinate_directions(bowl, 3, 0)
    assert sum(torch.cat([v.get("a", torch.zeros(1)), v.get("b", torch.zeros(2))]) for v in found).tolist() == [1, 1, 1]


def test_slices_that_make_no_sense(tiny) -> None:
    uneven = Landscape.from_function(lambda x: 0 * x.sum(), 2, weight_decay={"a": 1.0, "b": 2.0}, blocks={"a": 1, "b": 1})
    with pytest.raises(RequestError, match="weight decays differ; give one λ"):
        slice_of(uneven, [{"a": torch.ones(1)}])
    bowl = Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.5)
    with pytest.raises(RequestError, match="not orthonormal"):
        slice_of(bowl, [{"theta": torch.tensor([1.0, 1.0])}])
    with pytest.raises(RequestError, match="no tensor 'phi'"):
        slice_of(bowl, [{"phi": torch.ones(2)}])
    with pytest.raises(RequestError, match=r"no tensor 'theta' of shape \(3,\)"):
        slice_of(bowl, [{"theta": torch.ones(3)}])
    for count in (0, 3):
        with pytest.raises(RequestError, match=f"{count} of 2 parameters"):
            coordinate_directions(bowl, count, 0)
