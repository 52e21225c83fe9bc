"""The ripples, decoys and networks do what their proofs say at particular places."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from villani_verify.landscapes.zoo import zoo_entry


def _square_and_laplacian(name: str, theta: Tensor) -> tuple[float, float]:
    """‖∇F‖² and ΔF, every block decayed."""
    entry = zoo_entry(name)
    assert entry.gradient is not None
    assert entry.laplacian is not None
    decay = entry.weight_decay
    return float((entry.gradient(theta) + decay * theta).square().sum()), entry.laplacian(theta) + decay * theta.numel()


def _along(*direction: float) -> Tensor:
    v = torch.tensor(direction, dtype=torch.float64)
    return v / v.norm()


def test_late_ripples_look_like_a_bowl_up_to_radius_40_and_fail_beyond_100() -> None:
    def psi(r: float) -> float:
        square, laplacian = _square_and_laplacian("late-ripples", r * _along(1, 2))
        return square - laplacian

    # A step of 0.005 resolves the phase r² up to r = 40 with 15 points a period.
    near = torch.arange(2.0, 40.0, 0.005, dtype=torch.float64).tolist()
    assert min(map(psi, near)) > 0
    assert min(psi(r) for r in torch.arange(120.0, 121.0, 0.001, dtype=torch.float64).tolist()) < -1e4


@pytest.mark.parametrize("place", [(30.0, 0.0), (-120.0, 160.0)])
def test_far_wells_are_deep_enough_to_tempt(place: tuple[float, float]) -> None:
    centre = torch.tensor(place, dtype=torch.float64)
    # Within σ/4 = 0.0125 of the centre, on the line to the origin, ∇F = 0.
    offsets = torch.linspace(-0.0125, 0.0125, 2001, dtype=torch.float64)
    found = [_square_and_laplacian("far-narrow-wells", centre * (1 + o / centre.norm())) for o in offsets]
    square, laplacian = min(found)
    assert square < 1.0
    assert laplacian > 3500


@pytest.mark.parametrize("name", ["quickening-ripples", "fading-ripples"])
@pytest.mark.parametrize("radius", [1e2, 1e4])
def test_bounds_of_the_proofs_hold_over_a_period(name: str, radius: float) -> None:
    entry = zoo_entry(name)
    assert entry.gradient is not None
    assert entry.laplacian is not None
    for step in torch.linspace(0, 2 * math.pi / (1.8 * radius**0.8), 401, dtype=torch.float64).tolist():
        r = radius + step
        theta = r * _along(1, -2, 3)
        slope, curvature = (1.8 * r**0.8, 3.24 * r**1.6 + 6) if name == "quickening-ripples" else (2.0, 32.0)
        assert float(entry.gradient(theta).norm()) <= slope
        assert abs(entry.laplacian(theta)) <= curvature


def test_network_stays_within_the_bounds_of_its_proof() -> None:
    entry = zoo_entry("tanh-network")
    assert entry.gradient is not None
    assert entry.laplacian is not None
    generator = torch.Generator().manual_seed(0)
    for _ in range(2000):
        theta = 3 * torch.randn(6, generator=generator, dtype=torch.float64)
        assert float(entry.gradient(theta).norm()) < 3
        assert abs(entry.laplacian(theta)) < 5


def test_network_saturates_exponentially_off_the_lines_where_a_unit_has_no_input() -> None:
    entry = zoo_entry("tanh-network-undecayed")
    assert entry.gradient is not None
    v = _along(1, 0.3, -0.4, 1, 0.7, 0.9)
    near, far = (float(entry.gradient(r * v).norm()) for r in (50.0, 100.0))
    assert 0 < far < near**1.5


@pytest.mark.parametrize("radius", [1e1, 1e2])
def test_narrowing_wells_fail_on_a_share_of_the_radii_that_falls_like_their_inverse(radius: float) -> None:
    # At s = 1 the intervals are about √(1/r) long, and about π√r apart: a share of 1/(πr), to within a factor of four.
    step = 0.1 / math.sqrt(radius)
    count = int(4 * math.pi * math.sqrt(radius) / step)  # four periods
    low = 0
    for k in range(count):
        square, laplacian = _square_and_laplacian("narrowing-wells", torch.tensor([radius + k * step], dtype=torch.float64))
        low += square < laplacian
    assert 1 / (4 * math.pi * radius) < low / count < 4 / (math.pi * radius), low / count
