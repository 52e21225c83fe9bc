"""Too few derivatives: a jump in the first, the second, …, or the fifth, on planes close to θ₀.

The planes are θ_i = ½ (and θ_i = −½ for the clip); θ₀ has coordinates 1/√3 ≈ 0.577, and rays cross them too.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry

_PLACE = 0.5


def _relu(theta: Tensor) -> Tensor:
    return torch.relu(theta - _PLACE).sum()


def _relu_gradient(theta: Tensor) -> Tensor:
    return (theta > _PLACE).to(theta.dtype)


def _no_laplacian(theta: Tensor) -> float:
    return 0.0


def _clip(theta: Tensor) -> Tensor:
    return (theta.clamp(-_PLACE, _PLACE) + _PLACE).sum()


def _clip_gradient(theta: Tensor) -> Tensor:
    return (theta.abs() <= _PLACE).to(theta.dtype)


def _squared_hinge(theta: Tensor) -> Tensor:
    return 0.5 * torch.relu(theta - _PLACE).square().sum()


def _squared_hinge_gradient(theta: Tensor) -> Tensor:
    return (theta - _PLACE).clamp(min=0)


def _squared_hinge_laplacian(theta: Tensor) -> float:
    return float((theta > _PLACE).sum())


def _cube(theta: Tensor) -> Tensor:
    return (theta - _PLACE).abs().pow(3).sum() / 6


def _cube_gradient(theta: Tensor) -> Tensor:
    shifted = theta - _PLACE
    return 0.5 * shifted * shifted.abs()


def _cube_laplacian(theta: Tensor) -> float:
    return float((theta - _PLACE).abs().sum())


def _spline(theta: Tensor, order: int) -> Tensor:
    """Return Σ max(0, θ_i − ½)^(k+1)/(k + 1)!, k = `order`."""
    return torch.relu(theta - _PLACE).pow(order + 1).sum() / math.factorial(order + 1)


def _spline_gradient(theta: Tensor, order: int) -> Tensor:
    return (theta - _PLACE).clamp(min=0).pow(order) / math.factorial(order)


def _spline_laplacian(theta: Tensor, order: int) -> float:
    return float((theta - _PLACE).clamp(min=0).pow(order - 1).sum() / math.factorial(order - 1))


def _spline_entry(order: int, power: str, factorial: int) -> ZooEntry:
    return analytic_entry(
        f"c{order}-not-c{order + 1}",
        f"Σ max(0, θ_i − ½){power}/{factorial} with decay: C^{order}, but the next derivative jumps; the rest holds",
        loss=partial(_spline, order=order),
        gradient=partial(_spline_gradient, order=order),
        laplacian=partial(_spline_laplacian, order=order),
        dimension=3,
        weight_decay=0.1,
        refuted=("smoothness",),
        reason=(
            f"Put k = {order} and p_i = max(0, θ_i − ½), L = Σ p_i^(k+1)/(k + 1)!. Its derivative of order k + 1 in θ_i jumps "
            "from 0 to 1 at θ_i = ½ and those below are continuous, so F is C^k but not C^(k+1). L ≥ 0 gives F ≥ (λ/2)‖θ‖²: "
            "quadratic growth and Gaussian tails. ∂L/∂θ_i = p_i^k/k! is zero where θ_i < ½, so θ·∇F ≥ λr² and ‖∇F‖ ≥ λr; and "
            "where the largest p_i is m > 0, that component of ∇F exceeds m^k/k!. With ΔF ≤ 3λ + 3m^(k−1)/(k − 1)! it follows "
            "that Ψ_s ≥ λ²r²/(2s) + [m^(2k)/(2s k!²) − 3m^(k−1)/(k − 1)!] − 3λ; the bracket is bounded below over m ≥ 0, so Ψ_s "
            "tends to infinity uniformly on the sphere, and so along every ray."
        ),
    )


KINKS: tuple[ZooEntry, ...] = (
    analytic_entry(
        "relu-kink",
        "Σ max(0, θ_i − ½) with decay: continuous, but its slope jumps; the rest holds almost everywhere",
        loss=_relu,
        gradient=_relu_gradient,
        laplacian=_no_laplacian,
        dimension=3,
        weight_decay=0.1,
        refuted=("smoothness",),
        reason=(
            "∂L/∂θ_i jumps from 0 to 1 at θ_i = ½, so F is not C¹. L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and Gaussian "
            "tails. The differential rows speak of the points off the planes θ_i = ½, which have measure zero: there ΔL = 0 "
            "and ‖∇L‖ ≤ √3, so Ψ_s ≥ (λr − √3)²/s − 3λ once λr > √3, which tends to infinity uniformly on the sphere, and so "
            "along every ray."
        ),
    ),
    analytic_entry(
        "hard-clip",
        "Σ clip(θ_i, −½, ½) + ½ with decay: flat outside a box, with kinks on its faces; the rest holds almost everywhere",
        loss=_clip,
        gradient=_clip_gradient,
        laplacian=_no_laplacian,
        dimension=3,
        weight_decay=0.1,
        refuted=("smoothness",),
        reason=(
            "∂L/∂θ_i is 1 for |θ_i| < ½ and 0 for |θ_i| > ½, so F is not C¹. 0 ≤ L ≤ 3 gives F ≥ (λ/2)‖θ‖²: quadratic growth "
            "and Gaussian tails. Off the planes |θ_i| = ½, which have measure zero, ΔL = 0 and ‖∇L‖ ≤ √3, so "
            "Ψ_s ≥ (λr − √3)²/s − 3λ once λr > √3, which tends to infinity uniformly on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "squared-hinge",
        "½ Σ max(0, θ_i − ½)² with decay: C¹, but its curvature jumps; the rest holds",
        loss=_squared_hinge,
        gradient=_squared_hinge_gradient,
        laplacian=_squared_hinge_laplacian,
        dimension=3,
        weight_decay=0.1,
        refuted=("smoothness",),
        reason=(
            "∂²L/∂θ_i² jumps from 0 to 1 at θ_i = ½, so F is C¹ but not C². L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and "
            "Gaussian tails. t max(0, t − ½) ≥ 0 for every t, so θ·∇F ≥ λr² and ‖∇F‖ ≥ λr; ΔF ≤ 3 + 3λ wherever it exists. "
            "So Ψ_s ≥ λ²r²/s − 3 − 3λ tends to infinity uniformly on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "c2-not-c3",
        "Σ |θ_i − ½|³/6 with decay: C², so Ψ_s is continuous, but its third derivative jumps; the rest holds",
        loss=_cube,
        gradient=_cube_gradient,
        laplacian=_cube_laplacian,
        dimension=3,
        weight_decay=0.1,
        refuted=("smoothness",),
        reason=(
            "∂³L/∂θ_i³ jumps from −1 to 1 at θ_i = ½, so F is C² but not C³. L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and "
            "Gaussian tails. On ‖θ‖ = r some |θ_i| ≥ m = r/√3; for m > ½ both terms of "
            "∂F/∂θ_i = λθ_i + ½(θ_i − ½)|θ_i − ½| have the same sign there, so ‖∇F‖ ≥ ½(m − ½)², of order r², while "
            "ΔF = 3λ + Σ |θ_i − ½| ≤ 3λ + √3 r + 3/2. So Ψ_s ≥ (m − ½)⁴/(4s) − √3 r − 3λ − 3/2 tends to infinity uniformly on "
            "the sphere, and so along every ray."
        ),
    ),
    _spline_entry(3, "⁴", 24),
    _spline_entry(4, "⁵", 120),
)
