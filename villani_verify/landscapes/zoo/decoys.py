"""Landscapes on which everything holds, but which look like a failure near by, far out, or at one scale."""

from __future__ import annotations

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry

_DEPTH, _WIDTH = 5.0, 0.05
_PLACES = ((30.0, 0.0), (-120.0, 160.0))
_SHARPNESS = 30.0
_SCALES = 5
_SLOPE = 10.0


def _offsets(theta: Tensor) -> tuple[Tensor, Tensor]:
    """Return θ − c_j, one row a well, and exp(−‖θ − c_j‖²/(2σ²))."""
    offsets = theta - torch.tensor(_PLACES, dtype=theta.dtype, device=theta.device)
    return offsets, torch.exp(-offsets.square().sum(dim=1) / (2 * _WIDTH**2))


def _wells(theta: Tensor) -> Tensor:
    return (_DEPTH * (1 - _offsets(theta)[1])).sum()


def _wells_gradient(theta: Tensor) -> Tensor:
    offsets, inside = _offsets(theta)
    return _DEPTH / _WIDTH**2 * (inside[:, None] * offsets).sum(dim=0)


def _wells_laplacian(theta: Tensor) -> float:
    offsets, inside = _offsets(theta)
    return float((_DEPTH / _WIDTH**2 * inside * (2 - offsets.square().sum(dim=1) / _WIDTH**2)).sum())


def _log_cosh(theta: Tensor) -> Tensor:
    z = _SHARPNESS * theta
    return torch.logsumexp(torch.stack([z, -z]), dim=0).sum() / _SHARPNESS


def _log_cosh_gradient(theta: Tensor) -> Tensor:
    return torch.tanh(_SHARPNESS * theta)


def _log_cosh_laplacian(theta: Tensor) -> float:
    z = 2 * _SHARPNESS * theta
    return float(4 * _SHARPNESS * (torch.sigmoid(z) * torch.sigmoid(-z)).sum())


def _heights(like: Tensor) -> Tensor:
    return torch.tensor([10.0**i for i in range(_SCALES)], dtype=like.dtype, device=like.device)


def _scaled_cosines(theta: Tensor) -> Tensor:
    return (_heights(theta) * (1 - torch.cos(theta))).sum()


def _scaled_cosines_gradient(theta: Tensor) -> Tensor:
    return _heights(theta) * torch.sin(theta)


def _scaled_cosines_laplacian(theta: Tensor) -> float:
    return float((_heights(theta) * torch.cos(theta)).sum())


def _behind(theta: Tensor) -> Tensor:
    square = theta.square().sum()
    return 0.5 * square + _SLOPE * torch.sqrt(1 + square)


def _behind_gradient(theta: Tensor) -> Tensor:
    return theta * (1 + _SLOPE / torch.sqrt(1 + theta.square().sum()))


def _behind_laplacian(theta: Tensor) -> float:
    square = theta.square().sum()
    return float(2 + _SLOPE * (2 + square) / (1 + square).pow(1.5))


DECOYS: tuple[ZooEntry, ...] = (
    analytic_entry(
        "far-narrow-wells",
        "two wells of width 0.05 at distances 30 and 200, with decay: Ψ_s is below −10³ in them, but there are only two",
        loss=_wells,
        gradient=_wells_gradient,
        laplacian=_wells_laplacian,
        dimension=2,
        weight_decay=0.1,
        reason=(
            "L = Σ_j 5(1 − g_j), g_j = exp(−‖θ − c_j‖²/(2σ²)), σ = 0.05, is analytic and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: smoothness, "
            "quadratic growth and Gaussian tails. ‖∇L‖ ≤ 2 · 5e^−½/σ < 122 and |ΔL| ≤ 2 · 2 · 5/σ² = 8000 everywhere. So Ψ_s ≥ "
            "(λr − 122)²/s − 8000 − 2λ once λr > 122, which tends to infinity uniformly on the sphere, and so along every ray. "
            "Beside each c_j, within σ/4, there is a point with ∇F = 0, where ΔF is more than 3500."
        ),
    ),
    analytic_entry(
        "sharp-log-cosh",
        "Σ log(2 cosh 30θ_i)/30 with decay: |θ| with its kink rounded off at a thirtieth; everything holds",
        loss=_log_cosh,
        gradient=_log_cosh_gradient,
        laplacian=_log_cosh_laplacian,
        dimension=3,
        weight_decay=0.1,
        reason=(
            "L is analytic and positive, so F ≥ (λ/2)‖θ‖²: smoothness, quadratic growth and Gaussian tails. ∂L/∂θ_i = tanh "
            "30θ_i, so ‖∇L‖ ≤ √3, and 0 < ΔL = 30 Σ sech² 30θ_i ≤ 90. So Ψ_s ≥ (λr − √3)²/s − 90 − 3λ once λr > √3, which "
            "tends to infinity uniformly on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "badly-scaled-cosines",
        "Σ 10^i (1 − cos θ_i) with decay, i = 0…4: slopes of 10⁴ hide the decay up to r ~ 10⁴; everything holds",
        loss=_scaled_cosines,
        gradient=_scaled_cosines_gradient,
        laplacian=_scaled_cosines_laplacian,
        dimension=_SCALES,
        weight_decay=1.0,
        reason=(
            "F is entire, and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: smoothness, quadratic growth and Gaussian tails. ‖∇L‖ ≤ √(Σ 10^(2i)) < "
            "10,051 and |ΔL| ≤ Σ 10^i = 11,111 are bounded. So Ψ_s ≥ (λr − 10,051)²/s − 11,111 − 5λ once λr > 10,051, which "
            "tends to infinity uniformly on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "quadratic-behind-linear",
        "½‖θ‖² + 10√(1 + ‖θ‖²) without decay: growth below quadratic at moderate radii, quadratic in the end; everything holds",
        loss=_behind,
        gradient=_behind_gradient,
        laplacian=_behind_laplacian,
        dimension=2,
        weight_decay=0.0,
        reason=(
            "F is analytic, and F ≥ ½‖θ‖² gives quadratic growth and Gaussian tails. ∇F = (1 + 10(1 + r²)^−½)θ has norm at least "
            "r, and ΔF = 2 + 10(2 + r²)(1 + r²)^(−3/2) ≤ 22. So Ψ_s ≥ r²/s − 22 tends to infinity uniformly on the sphere, and "
            "so along every ray."
        ),
    ),
)
