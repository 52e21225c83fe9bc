"""Single wells that grow at least quadratically: everything holds, at every scale of curvature."""

from __future__ import annotations

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry

_CURVATURES = 7


def _isotropic(theta: Tensor) -> Tensor:
    return 0.5 * (theta - 1).square().sum()


def _isotropic_gradient(theta: Tensor) -> Tensor:
    return theta - 1


def _isotropic_laplacian(theta: Tensor) -> float:
    return float(theta.numel())


def _excess_curvature(theta: Tensor) -> Tensor:
    """Return 10^i − 1 for i = 0…6; a weight decay of one makes them 10^i."""
    return torch.tensor([10.0**i - 1 for i in range(_CURVATURES)], dtype=theta.dtype, device=theta.device)


def _ill_conditioned(theta: Tensor) -> Tensor:
    return 0.5 * (_excess_curvature(theta) * theta.square()).sum()


def _ill_conditioned_gradient(theta: Tensor) -> Tensor:
    return _excess_curvature(theta) * theta


def _ill_conditioned_laplacian(theta: Tensor) -> float:
    return float(_excess_curvature(theta).sum())


def _quartic(theta: Tensor) -> Tensor:
    return 0.25 * theta.pow(4).sum()


def _quartic_gradient(theta: Tensor) -> Tensor:
    return theta.pow(3)


def _quartic_laplacian(theta: Tensor) -> float:
    return float(3 * theta.square().sum())


BOWLS: tuple[ZooEntry, ...] = (
    analytic_entry(
        "isotropic-bowl",
        "½‖θ − 1‖² with decay: the simplest landscape, on which everything holds",
        loss=_isotropic,
        gradient=_isotropic_gradient,
        laplacian=_isotropic_laplacian,
        dimension=4,
        weight_decay=0.1,
        reason=(
            "F is a polynomial, so smooth. L ≥ 0, so F ≥ (λ/2)‖θ‖², which gives quadratic growth and, by comparison with "
            "the Gaussian exp(−λ‖θ‖²/s), the tails. ∇F = (1 + λ)θ − 1 has norm at least (1 + λ)r − 2 on ‖θ‖ = r (d = 4), "
            "and ΔF = 4(1 + λ). Hence Ψ_s ≥ ((1 + λ)r − 2)²/s − 4(1 + λ) for r > 2, which tends to infinity uniformly "
            "on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "ill-conditioned-bowl",
        "a quadratic bowl of condition number 10⁶: everything holds, but Ψ_s is negative up to r ~ 10³",
        loss=_ill_conditioned,
        gradient=_ill_conditioned_gradient,
        laplacian=_ill_conditioned_laplacian,
        dimension=_CURVATURES,
        weight_decay=1.0,
        reason=(
            "F = ½ Σ h_i θ_i² with h_i = 10^i − 1 + λ, i = 0…6, is a polynomial; with λ = 1 its condition number is 10⁶. "
            "F ≥ (λ/2)‖θ‖² gives quadratic growth and Gaussian tails. ‖∇F‖² = Σ h_i²θ_i² ≥ λ²r² and ΔF = 1,111,104 + 7λ is "
            "constant, so Ψ_s ≥ λ²r²/s − ΔF tends to infinity uniformly; s* ≥ λ²r²/ΔF, with equality along the first "
            "coordinate, so that at λ = s = 1 Ψ_s is negative there until r = 1,054."
        ),
    ),
    analytic_entry(
        "quartic-undecayed",
        "¼ Σ θ_i⁴ without decay: the loss confines by itself, so everything holds at λ = 0",
        loss=_quartic,
        gradient=_quartic_gradient,
        laplacian=_quartic_laplacian,
        dimension=3,
        weight_decay=0.0,
        reason=(
            "F = L is a polynomial. By the power-mean inequality Σ θ_i⁴ ≥ r⁴/3 and Σ θ_i⁶ ≥ r⁶/9 in d = 3. So "
            "F ≥ r⁴/12 = r² − 3 + (r² − 6)²/12 ≥ r² − 3: quadratic growth with a = 1, and exp(−2F/s) ≤ exp(6/s − 2r²/s) is "
            "integrable with Gaussian moments. ‖∇F‖² = Σ θ_i⁶ and ΔF = 3r², so Ψ_s ≥ r⁶/(9s) − 3r² tends to infinity "
            "uniformly on the sphere, and so along every ray."
        ),
    ),
)
