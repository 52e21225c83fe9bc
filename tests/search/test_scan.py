from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from villani_verify.landscape import Landscape
from villani_verify.search.families import Ray
from villani_verify.search.scan import _scores, log_spaced, low_points


def _line(r: float) -> dict[str, torch.Tensor]:
    return {"theta": torch.tensor([r], dtype=torch.float64)}


def oscillating() -> Landscape:
    return Landscape.from_function(lambda t: (1 + torch.sin(t.square())).sum(), 1)


def _critical_temperature(x: float) -> float:
    """s* of 1 + sin(x²), by hand."""
    gradient, laplacian = 2 * x * math.cos(x * x), 2 * math.cos(x * x) - 4 * x * x * math.sin(x * x)
    return gradient**2 / laplacian if laplacian > 0 else math.inf


def test_log_spaced_numbers_have_equal_ratios() -> None:
    numbers = log_spaced(2.0, 2e3, 7)
    assert numbers[0] == 2
    assert numbers[-1] == pytest.approx(2e3, rel=1e-14)
    ratios = [b / a for a, b in pairwise(numbers)]
    assert ratios == pytest.approx([10**0.5] * 6, rel=1e-12)
    assert log_spaced(3.0, 9.0, 1) == [3.0]


@pytest.mark.parametrize("high", [30.0, 300.0, 3000.0])
def test_the_zeros_of_an_oscillating_gradient_are_found_in_every_bin(high: float) -> None:
    # Minima of sin(x²) are a distance π/x apart: up to 10⁵ of them in a bin of 64 grid points. Without zooming the lowest
    # s* seen would be that of a random point, of the order of 1; and s* ~ 1 up to any radius on average.
    edges = log_spaced(high / 10, high, 9)
    found = low_points(oscillating(), _line, edges, per_bin=64)
    assert len(found) == 8
    assert all(low <= r <= up for r, low, up in zip(found, edges[:-1], edges[1:], strict=True))
    temperatures = [_critical_temperature(r) for r in found]
    assert max(temperatures) < 0.1
    # Bins in which s* dips below the common level give the crossing, so that a fit through the points means something.
    lowest = sorted(temperatures)[:4]
    assert lowest == pytest.approx([lowest[0]] * 4, rel=1e-3)


def test_a_quadratic_keeps_the_low_end_of_each_bin() -> None:
    # s* = 1.1²x²/1.1 grows, so the lowest point of a bin is its lower edge; there is nothing to zoom into.
    bowl = Landscape.from_function(lambda t: 0.5 * t.square().sum(), 1, weight_decay=0.1)
    edges = log_spaced(1.0, 1e3, 7)
    found = low_points(bowl, _line, edges, per_bin=32)
    # The bin with s* a hundredfold below the median is moved to the common level instead.
    assert found[3:] == pytest.approx(edges[3:-1], rel=1e-3)
    assert all(low <= r <= up for r, low, up in zip(found, edges[:-1], edges[1:], strict=True))


def test_points_that_are_not_finite_are_avoided() -> None:
    # s* = e^−x falls right up to 5, beyond which the square root, and with it everything, is NaN.
    wall = Landscape.from_function(lambda t: (torch.exp(-t) + 0 * torch.sqrt(5 - t)).sum(), 1)
    (found,) = low_points(wall, _line, [4.0, 6.1], per_bin=16)
    assert 4.8 < found < 5


def test_where_the_laplacian_is_negative_the_smallest_gradient_wins() -> None:
    # L = 10 − ½x² near 0: ΔF < 0, s* = ∞ everywhere, and ‖∇F‖ = x.
    hill = Landscape.from_function(lambda t: 10 - 0.5 * t.square().sum(), 1)
    (found,) = low_points(hill, _line, [1.0, 2.0], per_bin=16)
    assert found == pytest.approx(1.0)


def test_points_are_scored_with_the_decay() -> None:
    # L = 10 − 0.4x² and λ = 1: ∇F = 0.2x and ΔF = 0.2, so s* = 0.2x²; without the decay ΔL = −0.8, and s* would be infinite.
    hill = Landscape.from_function(lambda t: 10 - 0.4 * t.square().sum(), 1, weight_decay=1.0)
    found = _scores(hill, _line, [1.0, 3.0])
    assert [kind for kind, _ in found] == [0, 0]
    assert [s for _, s in found] == pytest.approx([0.2, 1.8])


def test_rays_are_scanned_by_their_parameter() -> None:
    subject = oscillating()
    points = Ray("isotropic", 0, 0).points(subject)
    for r in low_points(subject, points, [10.0, 20.0, 40.0], per_bin=64):
        assert _critical_temperature(r) < 0.1
