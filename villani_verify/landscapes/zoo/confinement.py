"""What confines which direction: decay on one block, the loss on the other, or neither enough."""

from __future__ import annotations

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry

_BLOCKS = {"a": 2, "b": 2}


def _linear_block(theta: Tensor) -> Tensor:
    return torch.sqrt(1 + theta[2:].square().sum())


def _linear_block_gradient(theta: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(theta[:2]), theta[2:] / _linear_block(theta)])


def _linear_block_laplacian(theta: Tensor) -> float:
    square = theta[2:].square().sum()
    return float((2 + square) / (1 + square).pow(1.5))


def _rotation(like: Tensor) -> Tensor:
    return torch.tensor([[0.8, -0.6], [0.6, 0.8]], dtype=like.dtype, device=like.device)


def _oblique(theta: Tensor) -> Tensor:
    u, v = (_rotation(theta) @ theta).unbind()
    return 0.5 * u.square() + torch.sqrt(1 + v.square())


def _oblique_gradient(theta: Tensor) -> Tensor:
    u, v = (_rotation(theta) @ theta).unbind()
    return _rotation(theta).T @ torch.stack([u, v / torch.sqrt(1 + v.square())])


def _oblique_laplacian(theta: Tensor) -> float:
    v = (_rotation(theta) @ theta)[1]
    return float(1 + (1 + v.square()).pow(-1.5))


def _quartic_block(theta: Tensor) -> Tensor:
    return 0.25 * theta[2:].square().sum().square()


def _quartic_block_gradient(theta: Tensor) -> Tensor:
    b = theta[2:]
    return torch.cat([torch.zeros_like(theta[:2]), b.square().sum() * b])


def _quartic_block_laplacian(theta: Tensor) -> float:
    return float(4 * theta[2:].square().sum())


def _link(theta: Tensor) -> Tensor:
    return 0.5 * (theta[2:] - torch.tanh(theta[:2])).square().sum()


def _link_gradient(theta: Tensor) -> Tensor:
    outputs = torch.tanh(theta[:2])
    residual = theta[2:] - outputs
    return torch.cat([-(1 - outputs.square()) * residual, residual])


def _link_laplacian(theta: Tensor) -> float:
    outputs = torch.tanh(theta[:2])
    slopes = 1 - outputs.square()
    residual = theta[2:] - outputs
    return float(2 + (slopes.square() + 2 * outputs * slopes * residual).sum())


CONFINEMENT: tuple[ZooEntry, ...] = (
    analytic_entry(
        "linear-in-the-undecayed-block",
        "√(1 + ‖b‖²) with decay on a only: exp(−2F/s) is integrable, Gaussian in a, but only exponential in b",
        loss=_linear_block,
        gradient=_linear_block_gradient,
        laplacian=_linear_block_laplacian,
        dimension=4,
        weight_decay=0.1,
        refuted=("quadratic_growth", "gaussian_tails", "differential_growth_uniform"),
        blocks=_BLOCKS,
        no_decay=("b",),
        reason=(
            "F = (λ/2)‖a‖² + √(1 + ‖b‖²), a and b in R², is analytic. On a = 0 F ≤ 1 + ‖b‖, so quadratic growth fails. "
            "exp(−2F/s) is a Gaussian in a times an integrable function of b, but ∫ exp(ε‖b‖² − 2F/s) = ∞ for every ε > 0: the "
            "tails in b are exponential. Along a ray with v_a ≠ 0, which is almost every ray, ‖∇F‖² ≥ λ²r²‖v_a‖² and ΔF ≤ 2λ + "
            "2, so Ψ_s → ∞. On a = 0 ‖∇F‖² = ‖b‖²/(1 + ‖b‖²) < 1 and ΔF > 0, so Ψ_s < 1/s stays bounded as ‖b‖ → ∞, and the "
            "uniform criterion fails for every s."
        ),
    ),
    analytic_entry(
        "oblique-exponential-tail",
        "½u² + √(1 + v²) without decay, u and v rotated coordinates: exponential tails along one line, on no axis",
        loss=_oblique,
        gradient=_oblique_gradient,
        laplacian=_oblique_laplacian,
        dimension=2,
        weight_decay=0.0,
        refuted=("quadratic_growth", "gaussian_tails", "differential_growth_uniform"),
        reason=(
            "u = 0.8θ_1 − 0.6θ_2 and v = 0.6θ_1 + 0.8θ_2 are rotated coordinates, and F = ½u² + √(1 + v²) is analytic. On u = 0 "
            "F ≤ 1 + |v|, so quadratic growth fails; exp(−2F/s) is integrable, but ∫ exp(εv² − 2F/s) = ∞ for every ε > 0. Along "
            "a ray that does not lie in u = 0, which is almost every ray, ‖∇F‖² ≥ u² grows like r² and ΔF ≤ 2, so Ψ_s → ∞. On u "
            "= 0 ‖∇F‖² = v²/(1 + v²) < 1 and ΔF > 0, so Ψ_s < 1/s stays bounded, and the uniform criterion fails for every s."
        ),
    ),
    analytic_entry(
        "quartic-in-the-undecayed-block",
        "¼‖b‖⁴ with decay on a only: the decay confines a, the loss confines b, and everything holds",
        loss=_quartic_block,
        gradient=_quartic_block_gradient,
        laplacian=_quartic_block_laplacian,
        dimension=4,
        weight_decay=0.1,
        blocks=_BLOCKS,
        no_decay=("b",),
        reason=(
            "F = (λ/2)‖a‖² + ¼‖b‖⁴, a and b in R², is a polynomial. As ¼‖b‖⁴ ≥ ‖b‖² − 1, F ≥ min(λ/2, 1)‖θ‖² − 1: quadratic "
            "growth, and by comparison Gaussian tails. ‖∇F‖² = λ²‖a‖² + ‖b‖⁶ and ΔF = 2λ + 4‖b‖², so Ψ_s = λ²‖a‖²/s + [‖b‖⁶/s − "
            "4‖b‖²] − 2λ. The bracket is bounded below and tends to infinity with ‖b‖, so Ψ_s tends to infinity uniformly on the "
            "sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "decay-on-the-saturating-block",
        "½‖b − tanh a‖² with decay on a only: the loss is flat along b = tanh a, and the decay there is just what confines",
        loss=_link,
        gradient=_link_gradient,
        laplacian=_link_laplacian,
        dimension=4,
        weight_decay=0.1,
        blocks=_BLOCKS,
        no_decay=("b",),
        reason=(
            "F = (λ/2)‖a‖² + ½‖e‖² with e = b − tanh a, a and b in R², is analytic. L = 0 on b = tanh a, so without the decay on "
            "a nothing confines; with it, ‖b‖² ≤ 2‖e‖² + 4 gives F ≥ min(λ/2, ¼)‖θ‖² − 1: quadratic growth and Gaussian tails. "
            "Put t = tanh a and q = 1 − t² ≤ 1: ∂F/∂b = e, ∂F/∂a = λa − qe and ΔF = 2λ + 2 + Σ (q² + 2tqe) ≤ 2λ + 4 + 2‖e‖. If "
            "‖e‖ < λ‖a‖/2 then ‖∂F/∂a‖ > λ‖a‖/2; so ‖∇F‖ ≥ M = max(‖e‖, λ‖a‖/2) always. As r ≤ ‖a‖ + ‖e‖ + √2 ≤ (2/λ + 1)M + √2, "
            "M tends to infinity with r, and Ψ_s ≥ M²/s − 2M − 2λ − 4 tends to infinity uniformly on the sphere, and so along "
            "every ray."
        ),
    ),
)
