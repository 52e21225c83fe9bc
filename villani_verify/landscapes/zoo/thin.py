"""Trenches along curves of the plane: Ψ_s fails on a set that no ray stays in and that narrows with the radius.

With e(θ) = 0 the curve and q = (1 + ‖θ‖²)e², L = q/(1 + q) is zero on the curve and tends to one beside it; its width there is
about 1/(r‖∇e‖). On the curve ∇L = 0 and ΔL = 2(1 + r²)‖∇e‖².
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry


@dataclass(frozen=True)
class Trench:
    """L = q/(1 + q), q = (1 + ‖θ‖²)(y − h(x))², θ = (x, y).

    Attributes:
        height: h; the curve is y = h(x).
        slope: h'.
        curvature: h''.
    """

    height: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    curvature: Callable[[Tensor], Tensor]

    def loss(self, theta: Tensor) -> Tensor:
        """Return L."""
        x, y = theta.unbind()
        q = (1 + theta.square().sum()) * (y - self.height(x)).square()
        return q / (1 + q)

    def gradient(self, theta: Tensor) -> Tensor:
        """Return ∇L = ∇q/(1 + q)²."""
        q, gradient, _ = self._parts(theta)
        return gradient / (1 + q).square()

    def laplacian(self, theta: Tensor) -> float:
        """Return ΔL = Δq/(1 + q)² − 2‖∇q‖²/(1 + q)³."""
        q, gradient, laplacian = self._parts(theta)
        return float(laplacian / (1 + q).square() - 2 * gradient.square().sum() / (1 + q).pow(3))

    def _parts(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return q, ∇q and Δq."""
        x, y = theta.unbind()
        weight = 1 + theta.square().sum()
        offset, normal = y - self.height(x), torch.stack([-self.slope(x), torch.ones_like(x)])
        gradient = 2 * offset.square() * theta + 2 * weight * offset * normal
        bent = normal.square().sum() - offset * self.curvature(x)
        laplacian = 4 * offset.square() + 8 * offset * (theta @ normal) + 2 * weight * bent
        return weight * offset.square(), gradient, laplacian


def _parabola(x: Tensor) -> Tensor:
    return x.square()


def _parabola_slope(x: Tensor) -> Tensor:
    return 2 * x


def _parabola_curvature(x: Tensor) -> Tensor:
    return torch.full_like(x, 2.0)


def _logarithm(x: Tensor) -> Tensor:
    return torch.log(1 + x.square())


def _logarithm_slope(x: Tensor) -> Tensor:
    return 2 * x / (1 + x.square())


def _logarithm_curvature(x: Tensor) -> Tensor:
    return 2 * (1 - x.square()) / (1 + x.square()).square()


_ON_A_PARABOLA = Trench(_parabola, _parabola_slope, _parabola_curvature)
_ON_A_LOGARITHM = Trench(_logarithm, _logarithm_slope, _logarithm_curvature)

THIN: tuple[ZooEntry, ...] = (
    analytic_entry(
        "trench-on-a-parabola",
        "a trench along y = x² of width r^−3/2, with decay: every ray leaves it, on the curve s* falls like 1/r",
        loss=_ON_A_PARABOLA.loss,
        gradient=_ON_A_PARABOLA.gradient,
        laplacian=_ON_A_PARABOLA.laplacian,
        dimension=2,
        weight_decay=1.0,
        refuted=("differential_growth_uniform",),
        reason=(
            "L = q/(1 + q), q = (1 + r²)e², e = y − x², is analytic, and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: smoothness, quadratic growth "
            "and Gaussian tails. ∇L = ∇q/(1 + q)² and ΔL = Δq/(1 + q)² − 2‖∇q‖²/(1 + q)³. Along a ray with v_x ≠ 0, which is "
            "almost every ray, e grows like r² and q like r⁶, while ‖∇q‖ and Δq grow no faster than r⁵ and r⁴: ∇L and ΔL tend to "
            "zero, and Ψ_s → ∞ like λ²r²/s. On y = x², e = 0: ∇F = λθ and ΔF = 2λ + 2(1 + r²)(1 + 4x²), where x² is about r. So "
            "s* is about λ²/(8r), and Ψ_s → −∞ there for every s and every λ: the uniform criterion fails."
        ),
    ),
    analytic_entry(
        "trench-on-a-logarithm",
        "a trench along y = log(1 + x²) of width 1/r, with decay: it turns towards the x-axis, and rays leave it slowly",
        loss=_ON_A_LOGARITHM.loss,
        gradient=_ON_A_LOGARITHM.gradient,
        laplacian=_ON_A_LOGARITHM.laplacian,
        dimension=2,
        weight_decay=1.0,
        refuted=("differential_growth_uniform",),
        reason=(
            "L = q/(1 + q), q = (1 + r²)e², e = y − log(1 + x²), is analytic, and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: smoothness, "
            "quadratic growth and Gaussian tails. ∇L = ∇q/(1 + q)² and ΔL = Δq/(1 + q)² − 2‖∇q‖²/(1 + q)³. Along a ray with v_y "
            "≠ 0, which is almost every ray, e grows like r and q like r⁴, while ‖∇q‖ and Δq grow no faster than r³ and r²: ∇L "
            "and ΔL tend to zero, and Ψ_s → ∞ like λ²r²/s. On the curve e = 0 and ‖∇e‖ ≥ 1: ∇F = λθ and ΔF ≥ 2λ + 2(1 + r²), so "
            "s* < λ²/2 and Ψ_s → −∞ there for every s > λ²/2: the uniform criterion fails."
        ),
    ),
)
