"""Trenches: the rates on the curve, how narrow the failing set is, and that almost every ray leaves it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from villani_verify.landscapes.zoo import zoo_entry


def _on_the_parabola(r: float) -> Tensor:
    y = (math.sqrt(1 + 4 * r**2) - 1) / 2  # y + y² = r²
    return torch.tensor([math.sqrt(y), y], dtype=torch.float64)


def _on_the_logarithm(r: float) -> Tensor:
    x = r
    for _ in range(100):
        x = math.sqrt(r**2 - math.log(1 + x**2) ** 2)
    return torch.tensor([x, math.log(1 + x**2)], dtype=torch.float64)


def _rotated(theta: Tensor, angle: float) -> Tensor:
    x, y = theta.tolist()
    return torch.tensor([x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)], dtype=torch.float64)


def _critical_temperature(name: str, theta: Tensor) -> float:
    entry = zoo_entry(name)
    assert entry.gradient is not None
    assert entry.laplacian is not None
    laplacian = entry.laplacian(theta) + 2 * entry.weight_decay
    return float((entry.gradient(theta) + entry.weight_decay * theta).square().sum()) / laplacian if laplacian > 0 else math.inf


@pytest.mark.parametrize("r", [1e2, 1e3, 1e4])
def test_critical_temperature_on_the_curve(r: float) -> None:
    assert _critical_temperature("trench-on-a-parabola", _on_the_parabola(r)) == pytest.approx(1 / (8 * r), rel=1e-2)
    assert _critical_temperature("trench-on-a-logarithm", _on_the_logarithm(r)) == pytest.approx(0.5, rel=1e-2)


@pytest.mark.parametrize(("name", "power"), [("trench-on-a-parabola", 1.5), ("trench-on-a-logarithm", 1.0)])
@pytest.mark.parametrize("r", [1e2, 1e3, 1e4])
def test_a_hundred_widths_beside_the_curve_nothing_fails(name: str, power: float, r: float) -> None:
    theta = _on_the_parabola(r) if "parabola" in name else _on_the_logarithm(r)
    for side in (-1, 1):
        beside = _rotated(theta, side * 100 / r ** (power + 1))
        assert _critical_temperature(name, beside) > 10 * _critical_temperature(name, theta)
        assert _critical_temperature(name, beside) > 0.1 * r


@pytest.mark.parametrize("name", ["trench-on-a-parabola", "trench-on-a-logarithm"])
def test_losses_tend_to_one_along_almost_every_ray(name: str) -> None:
    landscape = zoo_entry(name).make()
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        v = torch.randn(2, generator=generator, dtype=torch.float64)
        assert landscape.loss({n: 1e5 * v / v.norm() for n in landscape.initial}) == pytest.approx(1, abs=1e-9)
