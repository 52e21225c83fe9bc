"""Many wells and a curved valley: non-convex landscapes whose decay still wins uniformly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry


def _double_well(theta: Tensor) -> Tensor:
    return 0.25 * (theta.square() - 1).square().sum()


def _double_well_gradient(theta: Tensor) -> Tensor:
    return theta * (theta.square() - 1)


def _double_well_laplacian(theta: Tensor) -> float:
    return float((3 * theta.square() - 1).sum())


def _cosine_wells(theta: Tensor) -> Tensor:
    return (1 - torch.cos(2 * math.pi * theta)).sum()


def _cosine_wells_gradient(theta: Tensor) -> Tensor:
    return 2 * math.pi * torch.sin(2 * math.pi * theta)


def _cosine_wells_laplacian(theta: Tensor) -> float:
    return float(4 * math.pi**2 * torch.cos(2 * math.pi * theta).sum())


def _curved_valley(theta: Tensor) -> Tensor:
    x, y = theta.unbind()
    return 0.5 * (y - x.square()).square() + 0.5 * (1 - x).square()


def _curved_valley_gradient(theta: Tensor) -> Tensor:
    x, y = theta.unbind()
    offset = y - x.square()
    return torch.stack([-2 * x * offset - (1 - x), offset])


def _curved_valley_laplacian(theta: Tensor) -> float:
    x, y = theta.unbind()
    return float(2 + 6 * x.square() - 2 * y)


WELLS: tuple[ZooEntry, ...] = (
    analytic_entry(
        "double-well",
        "¼ Σ (θ_i² − 1)² with decay: four wells, everything holds",
        loss=_double_well,
        gradient=_double_well_gradient,
        laplacian=_double_well_laplacian,
        dimension=2,
        weight_decay=0.1,
        reason=(
            "F is a polynomial, and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and Gaussian tails. The components of ∇F "
            "are t³ − (1 − λ)t, of size at least |t|³ − |t| once |t| ≥ 1. On ‖θ‖ = r some |t| ≥ m = r/√2, so "
            "‖∇F‖² ≥ (m³ − m)², of order r⁶, while ΔF = 3r² − 2 + 2λ. So Ψ_s ≥ (m³ − m)²/s − 3r² − 2λ tends to infinity "
            "uniformly on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "cosine-wells",
        "Σ (1 − cos 2πθ_i) with decay: infinitely many ripples of bounded slope, everything holds",
        loss=_cosine_wells,
        gradient=_cosine_wells_gradient,
        laplacian=_cosine_wells_laplacian,
        dimension=3,
        weight_decay=1.0,
        reason=(
            "F is an entire function, and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and Gaussian tails. "
            "‖∇L‖ = 2π‖sin 2πθ‖ ≤ 2π√3 and |ΔL| ≤ 12π² are bounded in d = 3. So Ψ_s ≥ (λr − 2π√3)²/s − 12π² − 3λ once "
            "λr > 2π√3, which tends to infinity uniformly on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "curved-valley",
        "½(y − x²)² + ½(1 − x)² with decay: Ψ_s first falls along the valley floor, then rises; everything holds",
        loss=_curved_valley,
        gradient=_curved_valley_gradient,
        laplacian=_curved_valley_laplacian,
        dimension=2,
        weight_decay=1.0,
        reason=(
            "F is a polynomial and F ≥ (λ/2)‖θ‖², hence smoothness, quadratic growth and Gaussian tails. Write e = y − x², "
            "A = ∂F/∂y = e + λy, B = ∂F/∂x = −2xe + (1 + λ)x − 1, ΔF = 2 + 2λ + 4x² − 2e; let r → ∞. Near the floor, "
            "x²/2 ≤ y ≤ 2x²: B + 2xA = (1 + λ)x − 1 + 2λxy, so ‖∇F‖√(1 + 4x²) ≥ λ|x|³ − (1 + λ)|x| − 1 and ‖∇F‖ ≥ λx²/3 "
            "eventually, while ΔF ≤ 2 + 2λ + 6x². Above, y > 2x²: A ≥ e ≥ y/2 and ΔF ≤ 2 + 2λ + y. Below, y < x²/2: "
            "|e| ≥ ½ max(x², |y|) → ∞, ‖∇F‖ ≥ |e| eventually (from B if |x| ≥ 1, from A otherwise, as then y < 0), and "
            "ΔF ≤ 2 + 2λ + 10|e|. In each region ‖∇F‖ → ∞ and s* = ‖∇F‖²/ΔF → ∞ at a rate that depends on r alone, so "
            "Ψ_s → ∞ uniformly, and along every ray, for every s. On the floor itself s* grows only like λ²r/4."
        ),
    ),
)
