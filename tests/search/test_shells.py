from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from villani_verify.curvature.exact import exact_scan
from villani_verify.landscape import Landscape
from villani_verify.search.scan import log_spaced
from villani_verify.search.shells import Descents, _objectives, descend_in_shells


def bowl() -> Landscape:
    return Landscape.from_function(lambda t: 0.5 * (t * torch.tensor([1.0, 2.0, 5.0])).square().sum(), 3, weight_decay=0.1)


def valley() -> Landscape:
    """L = ½(a b)²: on the axes, which no isotropic ray meets, s* → λ²."""
    return Landscape.from_function(lambda t: 0.5 * t.prod().square(), 2, weight_decay=0.1)


def test_a_bowl_is_searched_to_its_flattest_direction() -> None:
    edges = log_spaced(10.0, 100.0, 4)
    found = descend_in_shells(bowl(), edges, starts=32, seed=0)
    assert found is not None
    # On ‖θ‖ = r the least s* is (1 + λ)² r²/ΔF, along the first axis; in a shell it is at the inner edge.
    laplacian = 1 + 4 + 25 + 0.3
    exact = [1.1**2 * r**2 / laplacian for r in edges[:-1]]
    for lowest, least in zip(found.temperatures.amin(1).tolist(), exact, strict=True):
        # Fifty steps come within a tenth, from starts of which a typical one has ten times as much.
        assert least * (1 - 1e-12) <= lowest <= 1.1 * least
    assert exact[-1] <= found.ceiling <= 1.1 * exact[-1]


def test_points_stay_in_their_shells_and_s_is_theirs() -> None:
    edges = log_spaced(3.0, 30.0, 3)
    found = descend_in_shells(bowl(), edges, starts=8, seed=1)
    assert found is not None
    for points, low, high in zip(found.points, edges[:-1], edges[1:], strict=True):
        norms = points.norm(dim=1)
        assert float(norms.min()) >= low * (1 - 1e-12)
        assert float(norms.max()) <= high * (1 + 1e-12)
    for some in (slice(0, 5), slice(-5, None)):  # of the descents on L, and of those on s*
        rows = exact_scan(bowl(), [{"theta": p} for p in found.points[0][some]])
        expected = [full / (laplacian + bowl().decay_laplacian) for _, _, full, laplacian in rows]
        assert found.temperatures[0][some].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("low", [10.0, 1000.0])
def test_a_valley_of_measure_zero_is_found(low: float) -> None:
    found = descend_in_shells(valley(), log_spaced(low, 10 * low, 5), starts=128, seed=0)
    assert found is not None
    assert found.ceiling < 0.02  # λ² is 0.01; at random points s* is of the order of r⁴


def test_points_below_a_level_are_near_it() -> None:
    temperatures = torch.tensor([[5.0, 0.2, 1e-20], [3.0, 2.0, math.inf]])
    points = torch.arange(6.0).reshape(2, 3, 1)
    found = Descents(temperatures, points)
    assert found.ceiling == 2.0
    assert [float(p) for p in found.below(1.0)] == [1.0, 4.0]  # in the second shell nothing is below: the lowest
    assert [float(p) for p in found.below(3.0)] == [1.0, 3.0]


def test_a_loss_with_branches_is_left_out() -> None:
    def branching(t: Tensor) -> Tensor:
        return t.square().sum() if bool(t[0] > 0) else t.pow(4).sum()

    assert descend_in_shells(Landscape.from_function(branching, 2), [1.0, 10.0], starts=4, seed=0) is None


def test_the_seed_decides() -> None:
    a, b, c = (descend_in_shells(bowl(), [1.0, 10.0], starts=8, seed=s) for s in (3, 3, 4))
    assert a is not None
    assert b is not None
    assert c is not None
    assert torch.equal(a.points, b.points)
    assert not torch.equal(a.points, c.points)


def test_descents_go_from_negative_curvature_to_positive() -> None:
    # ∇F = 1 at x = 1/c, where the curvature is c: s* is infinite for c ≤ 0, and 1/c above.
    scores = []
    for c in (-100.0, -10.0, -1.0, 0.5, 1.0, 10.0, 100.0):
        parabola = Landscape.from_function(lambda t, c=c: 1e6 + 0.5 * c * t.square().sum(), 1)
        score, s = (float(x) for x in _objectives(parabola)[1](torch.tensor([1 / c], dtype=torch.float64)))
        assert s == (math.inf if c < 0 else pytest.approx(1 / c))
        scores.append(score)
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] == pytest.approx(math.log(0.01), abs=1e-6)
