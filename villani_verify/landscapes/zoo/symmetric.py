"""Flat directions and products of factors: generic rays are fine, special ones break the uniform criterion.

These are the small models of what happens in networks: a parameter left undecayed, a branch switched off by a zero
factor while the others grow, and two labels held in balance.
"""

from __future__ import annotations

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry


def _rank_deficient_design(like: Tensor) -> Tensor:
    return torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], dtype=like.dtype, device=like.device)


def _rank_deficient(theta: Tensor) -> Tensor:
    return 0.5 * (_rank_deficient_design(theta) @ theta - 1).square().sum()


def _rank_deficient_gradient(theta: Tensor) -> Tensor:
    design = _rank_deficient_design(theta)
    return design.T @ (design @ theta - 1)


def _rank_deficient_laplacian(theta: Tensor) -> float:
    return float(_rank_deficient_design(theta).square().sum())


def _partial(theta: Tensor) -> Tensor:
    return (1 - torch.cos(theta[2:])).sum()


def _partial_gradient(theta: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(theta[:2]), torch.sin(theta[2:])])


def _partial_laplacian(theta: Tensor) -> float:
    return float(torch.cos(theta[2:]).sum())


def _two_layer(theta: Tensor) -> Tensor:
    return 0.5 * (theta[:2] @ theta[2:] - 1).square()


def _two_layer_gradient(theta: Tensor) -> Tensor:
    residual = theta[:2] @ theta[2:] - 1
    return residual * theta.roll(2)


def _zero_target(theta: Tensor) -> Tensor:
    return 0.5 * (theta[:2] @ theta[2:]).square()


def _zero_target_gradient(theta: Tensor) -> Tensor:
    return (theta[:2] @ theta[2:]) * theta.roll(2)


def _two_layer_laplacian(theta: Tensor) -> float:
    return float(theta.square().sum())


def _balanced(theta: Tensor) -> Tensor:
    logit = theta.prod()
    # −½ log p − ½ log(1 − p) with p = 1/(1 + e^−z) is log(e^(z/2) + e^(−z/2)).
    return torch.logsumexp(torch.stack([0.5 * logit, -0.5 * logit]), dim=0)


def _pair_products(theta: Tensor) -> Tensor:
    """Return ∂(abc)/∂θ = (bc, ca, ab)."""
    return theta.roll(-1) * theta.roll(1)


def _balanced_gradient(theta: Tensor) -> Tensor:
    return 0.5 * torch.tanh(0.5 * theta.prod()) * _pair_products(theta)


def _balanced_laplacian(theta: Tensor) -> float:
    logit = theta.prod()
    return float(torch.sigmoid(logit) * torch.sigmoid(-logit) * _pair_products(theta).square().sum())


SYMMETRIC: tuple[ZooEntry, ...] = (
    analytic_entry(
        "rank-deficient-least-squares",
        "two equations for three unknowns, no decay: one flat direction, aligned with no coordinate",
        loss=_rank_deficient,
        gradient=_rank_deficient_gradient,
        laplacian=_rank_deficient_laplacian,
        dimension=3,
        weight_decay=0.0,
        refuted=("quadratic_growth", "gaussian_tails", "differential_growth_uniform"),
        reason=(
            "F = ½‖Aθ − (1, 1)‖² with A = [[1, 1, 0], [0, 1, 1]] is a polynomial, unchanged by adding multiples of "
            "n = (1, −1, 1), as An = 0. So F(tn) = 1 for all t and quadratic growth fails, and ∫ exp(−2F/s) = ∞, being "
            "invariant under these shifts. ΔF = ‖A‖_F² = 4 and ∇F(rv) = r AᵀAv − Aᵀ(1, 1); AᵀAv ≠ 0 unless v is parallel to "
            "n, so Ψ_s(rv) grows like r²‖AᵀAv‖²/s along almost every ray. On the line (0, 1, 0) + tn ∇F = 0 and Ψ_s = −4 for "
            "every t and s, so the uniform criterion fails."
        ),
    ),
    analytic_entry(
        "partial-decay",
        "Σ (1 − cos b_j) with decay on another block only: generic rays are fine, the undecayed block is not confined",
        loss=_partial,
        gradient=_partial_gradient,
        laplacian=_partial_laplacian,
        dimension=4,
        weight_decay=0.1,
        refuted=("quadratic_growth", "gaussian_tails", "differential_growth_uniform"),
        blocks={"a": 2, "b": 2},
        no_decay=("b",),
        reason=(
            "F = (λ/2)‖a‖² + Σ (1 − cos b_j), a and b in R², is analytic. On a = 0, 0 ≤ F ≤ 4, so quadratic growth fails, and "
            "∫ exp(−2F/s) ≥ exp(−8/s) ∫ exp(−λ‖a‖²/s) da ∫ db = ∞. Along a ray rv with v_a ≠ 0, which is almost every ray, "
            "‖∇F‖² ≥ λ²r²‖v_a‖² and |ΔF| ≤ 2λ + 2, so Ψ_s → ∞. On a = 0, ‖∇F‖² = Σ sin² b_j ≤ 2 and ΔF ≥ 2λ − 2, so "
            "Ψ_s ≤ 2/s + 2 − 2λ stays bounded as ‖b‖ → ∞, and the uniform criterion fails for every s."
        ),
    ),
    analytic_entry(
        "two-layer-linear-network",
        "½(a·b − 1)² with decay: with b = 0 and a growing, s* tends to a constant, so only the uniform criterion fails",
        loss=_two_layer,
        gradient=_two_layer_gradient,
        laplacian=_two_layer_laplacian,
        dimension=4,
        weight_decay=0.1,
        refuted=("differential_growth_uniform",),
        blocks={"a": 2, "b": 2},
        reason=(
            "F is a polynomial and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and Gaussian tails. ∇L = (a·b − 1)(b, a) and "
            "ΔL = ‖a‖² + ‖b‖² = r². Along a ray with v_a·v_b ≠ 0, which is almost every ray, ‖∇F‖² grows like r⁶(v_a·v_b)² and "
            "ΔF like r², so Ψ_s → ∞ for every s. On b = 0, ‖a‖ = r: ‖∇F‖² = (λ² + 1)r² and ΔF = r² + 4λ, so s* → λ² + 1 and "
            "Ψ_s → −∞ for every s > λ² + 1. The limit of the infimum is λ²: with e = a·b − 1, ‖∇F‖² = (r² + 4λ)e² + 4λe + λ²r² is "
            "least at e = −2λ/(r² + 4λ), which the sphere attains, and s* = λ²(r² − 4/(r² + 4λ))/(r² + 4λ) there. (Near it lies "
            "b = a/(‖a‖² + λ), where ∂F/∂b = 0.)"
        ),
        critical_temperature=0.1**2,
    ),
    analytic_entry(
        "two-layer-zero-target",
        "½(a·b)² with decay: on b = 0 the loss and its gradient vanish, and s* tends to λ², its least limit anywhere",
        loss=_zero_target,
        gradient=_zero_target_gradient,
        laplacian=_two_layer_laplacian,
        dimension=4,
        weight_decay=0.5,
        refuted=("differential_growth_uniform",),
        blocks={"a": 2, "b": 2},
        reason=(
            "F is a polynomial and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and Gaussian tails. With e = a·b, ∇L = e(b, a) and "
            "ΔL = r², so ‖∇F‖² = λ²r² + e²(r² + 4λ) and ΔF = r² + 4λ. Along a ray with v_a·v_b ≠ 0, which is almost every ray, "
            "‖∇F‖² grows like r⁶ and ΔF like r², so Ψ_s → ∞ for every s. On ‖θ‖ = r the least s* is λ²r²/(r² + 4λ), attained where "
            "e = 0, as on b = 0; it tends to λ². So Ψ_s → −∞ there for every s > λ², and the uniform criterion fails, while "
            "for s < λ² it would hold: Ψ_s ≥ λ²r²/s − r² − 4λ."
        ),
        critical_temperature=0.5**2,
    ),
    analytic_entry(
        "balanced-logits",
        "two labels with logits ±abc/2 with decay: at b = 0 the gradient of L vanishes while ΔL grows like r⁴",
        loss=_balanced,
        gradient=_balanced_gradient,
        laplacian=_balanced_laplacian,
        dimension=3,
        weight_decay=0.1,
        refuted=("differential_growth_uniform",),
        blocks={"a": 1, "b": 1, "c": 1},
        reason=(
            "L = log(2 cosh(z/2)), z = abc, is the cross-entropy of two equally frequent labels; it is analytic and positive, "
            "so F ≥ (λ/2)‖θ‖²: smoothness, quadratic growth and Gaussian tails. As z is linear in each factor, "
            "∇L = ½ tanh(z/2) ∇z and ΔL = ¼ sech²(z/2)‖∇z‖², ∇z = (bc, ca, ab). Along a ray with v_a v_b v_c ≠ 0, which is "
            "almost every ray, z grows like r³: ‖∇L‖ grows like r² and ΔL → 0, so Ψ_s → ∞. On b = 0, a = c = r/√2: z = 0, "
            "∇F = λθ and ΔF = r⁴/16 + 3λ, so s* = λ²r²/(r⁴/16 + 3λ) → 0 and Ψ_s → −∞ for every s: the uniform criterion fails "
            "at every temperature and every λ."
        ),
    ),
)
