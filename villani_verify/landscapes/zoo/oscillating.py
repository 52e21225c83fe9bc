"""Oscillations that quicken with the radius: confined as a bowl is, yet the gradient vanishes again and again."""

from __future__ import annotations

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry

_FAILING = ("differential_growth_rays", "differential_growth_uniform")


def _ripples(theta: Tensor) -> Tensor:
    return 1 + torch.sin(theta.square().sum())


def _ripples_gradient(theta: Tensor) -> Tensor:
    return 2 * torch.cos(theta.square().sum()) * theta


def _ripples_laplacian(theta: Tensor) -> float:
    square = theta.square().sum()
    return float(2 * theta.numel() * torch.cos(square) - 4 * square * torch.sin(square))


def _reason(dimension: int) -> str:
    return (
        "F is analytic, and L = 1 + sin r² ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and Gaussian tails. "
        f"∇F = (λ + 2 cos r²)θ and ΔF = {dimension}λ + {2 * dimension} cos r² − 4r² sin r² depend on r alone, so every ray "
        "is as bad as the sphere. If λ < 2, take the radii with cos r² = −λ/2 and sin r² = −√(1 − λ²/4): there ∇F = 0 and "
        "Ψ_s = −ΔF = −4r²√(1 − λ²/4) → −∞ for every s. For any λ, at r² = 3π/2 + 2πk we have ∇F = λθ and "
        f"Ψ_s = λ²r²/s − 4r² − {dimension}λ → −∞ for s > λ²/4. So Ψ_s → ∞ fails along every ray and uniformly."
    )


OSCILLATING: tuple[ZooEntry, ...] = (
    analytic_entry(
        "oscillating-gradient",
        "1 + sin θ² with decay, d = 1: Gaussian tails, but ∇F vanishes at ever larger radii where ΔF is of order r²",
        loss=_ripples,
        gradient=_ripples_gradient,
        laplacian=_ripples_laplacian,
        dimension=1,
        weight_decay=1.0,
        refuted=_FAILING,
        reason=_reason(1),
    ),
    analytic_entry(
        "radial-ripples",
        "1 + sin ‖θ‖² with decay, d = 3: the same on whole spheres, so along every ray",
        loss=_ripples,
        gradient=_ripples_gradient,
        laplacian=_ripples_laplacian,
        dimension=3,
        weight_decay=1.0,
        refuted=_FAILING,
        reason=_reason(3),
    ),
)
