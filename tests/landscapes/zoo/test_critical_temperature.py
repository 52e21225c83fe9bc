"""Temperatures above which differential growth fails, where the zoo knows them exactly."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from villani_verify.landscapes.zoo import ZOO, zoo_entry
from villani_verify.verification import verify

KNOWN = {name: e.critical_temperature for name, e in ZOO.items() if e.critical_temperature is not None}
SEED = 5


def _shallow(r: float) -> list[Tensor]:
    """One point for each phase of sin ‖θ‖² in the period that begins at radius r."""
    squares = r**2 + torch.linspace(0, 2 * math.pi, 2001, dtype=torch.float64)
    return [torch.tensor([0.6, 0.0, -0.8], dtype=torch.float64) * math.sqrt(u) for u in squares.tolist()]


def _two_layer(target: float) -> Callable[[float], list[Tensor]]:
    def points(r: float) -> list[Tensor]:
        """Points with ‖a‖ ≈ r and a·b from target − 1 to target + 1; the least s* lies near a·b = target."""
        a = torch.tensor([0.6, 0.8], dtype=torch.float64)
        products = target + torch.linspace(-1, 1, 2001, dtype=torch.float64)
        return [torch.cat([r * a, p / r * a]) for p in products]

    return points


SPHERES = {
    "shallow-ripples": _shallow,
    "two-layer-zero-target": _two_layer(0.0),
    "two-layer-linear-network": _two_layer(1.0),
}


def test_each_known_one_is_tested() -> None:
    assert set(SPHERES) == set(KNOWN)
    assert all(0 < c < math.inf for c in KNOWN.values())


@pytest.mark.parametrize("name", KNOWN)
def test_critical_temperature_is_the_limit_of_the_least_one(name: str) -> None:
    entry = zoo_entry(name)
    assert entry.gradient is not None
    assert entry.laplacian is not None
    decay = entry.weight_decay
    lowest = []
    for theta in SPHERES[name](1e3):
        laplacian = entry.laplacian(theta) + decay * theta.numel()
        if laplacian > 0:
            lowest.append(float((entry.gradient(theta) + decay * theta).square().sum()) / laplacian)
    assert min(lowest) == pytest.approx(KNOWN[name], rel=1e-4)


# Each is bracketed within a factor of two on either side.
@pytest.mark.parametrize(
    ("name", "criterion"),
    [
        ("shallow-ripples", "differential_growth_rays"),
        ("shallow-ripples", "differential_growth_uniform"),
        ("two-layer-linear-network", "differential_growth_uniform"),
        ("two-layer-zero-target", "differential_growth_uniform"),
    ],
)
def test_verdict_turns_at_the_critical_temperature(name: str, criterion: str) -> None:
    landscape = zoo_entry(name).make()
    below, above = (
        verify(landscape, seed=SEED, criteria=[criterion], temperatures=(factor * KNOWN[name],)).results[0] for factor in (0.5, 2.0)
    )
    assert below.status == "supported", below.summary
    assert above.status == "refuted", above.summary
