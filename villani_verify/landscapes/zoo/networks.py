"""A network of two layers with fixed outer weights, three tanh units and four examples: squared loss, three weight decays.

The network is a·tanh(Wx) with a = (1, −1, 1)/√3; θ is the 3 × 2 matrix W, row by row. The inputs are x_i = (cos i, sin i) and the
targets y_i = cos 2i, i = 0…3, so that ‖a‖ = ‖x_i‖ = 1 and |y_i| ≤ 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry

_EXAMPLES = 4


def _data(like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return inputs, targets and outer weights."""
    inputs = [[math.cos(i), math.sin(i)] for i in range(_EXAMPLES)]
    targets = [math.cos(2 * i) for i in range(_EXAMPLES)]
    outer = [sign / math.sqrt(3) for sign in (1, -1, 1)]
    x, y, a = (torch.tensor(numbers, dtype=like.dtype, device=like.device) for numbers in (inputs, targets, outer))
    return x, y, a


def _loss(theta: Tensor) -> Tensor:
    x, y, a = _data(theta)
    return 0.5 * (torch.tanh(x @ theta.reshape(3, 2).T) @ a - y).square().mean()


def _gradient(theta: Tensor) -> Tensor:
    x, y, a = _data(theta)
    hidden = torch.tanh(x @ theta.reshape(3, 2).T)
    residual = hidden @ a - y
    return ((residual[:, None] * a * (1 - hidden.square())).T @ x / _EXAMPLES).reshape(-1)


def _laplacian(theta: Tensor) -> float:
    x, y, a = _data(theta)
    hidden = torch.tanh(x @ theta.reshape(3, 2).T)
    slopes = 1 - hidden.square()
    residual = hidden @ a - y
    # ‖x_i‖ = 1, so each second derivative along x_i counts once.
    return float(((a * slopes).square() - 2 * residual[:, None] * a * hidden * slopes).sum() / _EXAMPLES)


_REASON = (
    "L is analytic and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: smoothness, quadratic growth and Gaussian tails. Put t = tanh(Wx), q = 1 − t² "
    "and f = a·t, so |f − y| ≤ √3 + 1. ∇L is the mean of (f − y)(a q)xᵀ, of norm at most √3 + 1 < 3; ΔL is the mean of Σ_j "
    "a_j²q_j² − 2(f − y)a_j t_j q_j, of size at most 1 + 2(√3 + 1)√3 · 0.385 < 5, as |t q| ≤ 2/(3√3) = 0.385. So Ψ_s ≥ (λr − "
    "3)²/s − 5 − 6λ once λr > 3, which tends to infinity uniformly on the sphere, and so along every ray, for every λ > 0. "
    "Gopalani and Mukherjee (2022, Global convergence of SGD on two layer neural nets) prove that such a loss is a Villani "
    "function if λ exceeds a threshold that does not depend on the width; for a bounded activation the threshold is sufficient, "
    "not necessary."
)

NETWORKS: tuple[ZooEntry, ...] = (
    analytic_entry(
        "tanh-network",
        "squared error of three tanh units with fixed outer weights, λ = 4: a Villani function, by a bound on its slopes",
        loss=_loss,
        gradient=_gradient,
        laplacian=_laplacian,
        dimension=6,
        weight_decay=4.0,
        reason=_REASON,
    ),
    analytic_entry(
        "tanh-network-weak-decay",
        "the same with λ = 0.01: everything still holds, though Ψ_s grows only from r = 300 on",
        loss=_loss,
        gradient=_gradient,
        laplacian=_laplacian,
        dimension=6,
        weight_decay=0.01,
        reason=_REASON,
    ),
    analytic_entry(
        "tanh-network-undecayed",
        "the same without decay: the units saturate, and nothing but smoothness holds",
        loss=_loss,
        gradient=_gradient,
        laplacian=_laplacian,
        dimension=6,
        weight_decay=0.0,
        refuted=("quadratic_growth", "gaussian_tails", "differential_growth_rays", "differential_growth_uniform"),
        reason=(
            "F = L is analytic. The output is at most √3 in size, so 0 ≤ F ≤ ½(√3 + 1)² < 4: quadratic growth fails and ∫ "
            "exp(−2F/s) ≥ ∫ exp(−8/s) = ∞. On almost every ray no (Wx_i)_j is zero, so the slopes 1 − tanh² fall exponentially, "
            "and with them ∇F and ΔF: Ψ_s → 0 along that ray, and the infimum over the sphere does not tend to infinity either."
        ),
    ),
)
