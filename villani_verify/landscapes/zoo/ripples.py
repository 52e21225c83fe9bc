"""Radial ripples f(u), u = ‖θ‖², whose amplitude or frequency decides: just enough, just too much, or too much only far out.

With decay, ∇F = (λ + 2f')θ and ΔF = dλ + 2d f' + 4u f'' depend on r alone, so every ray is as bad as the sphere.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry
from villani_verify.landscapes.zoo.radial import Radial

_FAILING = ("differential_growth_rays", "differential_growth_uniform")
# ‖θ‖ at which the late ripples have half their height.
_LATE = 100.0


def _shallow(u: Tensor) -> Tensor:
    return 0.25 * (1 + torch.sin(u))


def _shallow_first(u: Tensor) -> Tensor:
    return 0.25 * torch.cos(u)


def _shallow_second(u: Tensor) -> Tensor:
    return -0.25 * torch.sin(u)


def _weight(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return w = u²/(R⁴ + u²), w' and w''."""
    far, total = _LATE**4, _LATE**4 + u.square()
    return u.square() / total, 2 * far * u / total.square(), 2 * far * (far - 3 * u.square()) / total.pow(3)


def _late(u: Tensor) -> Tensor:
    return _weight(u)[0] * (1 + torch.sin(u))


def _late_first(u: Tensor) -> Tensor:
    w, slope, _ = _weight(u)
    return slope * (1 + torch.sin(u)) + w * torch.cos(u)


def _late_second(u: Tensor) -> Tensor:
    w, slope, curvature = _weight(u)
    return curvature * (1 + torch.sin(u)) + 2 * slope * torch.cos(u) - w * torch.sin(u)


def _quickening(u: Tensor) -> Tensor:
    return 1 + torch.sin((1 + u).pow(0.9))


def _quickening_first(u: Tensor) -> Tensor:
    return 0.9 * (1 + u).pow(-0.1) * torch.cos((1 + u).pow(0.9))


def _quickening_second(u: Tensor) -> Tensor:
    phase = (1 + u).pow(0.9)
    return -0.09 * (1 + u).pow(-1.1) * torch.cos(phase) - 0.81 * (1 + u).pow(-0.2) * torch.sin(phase)


def _fading(u: Tensor) -> Tensor:
    return 1 + torch.sin(u) / (1 + u)


def _fading_first(u: Tensor) -> Tensor:
    return torch.cos(u) / (1 + u) - torch.sin(u) / (1 + u).square()


def _fading_second(u: Tensor) -> Tensor:
    w = 1 + u
    return -torch.sin(u) / w - 2 * torch.cos(u) / w.square() + 2 * torch.sin(u) / w.pow(3)


def _narrowing(u: Tensor) -> Tensor:
    return (1 + u) * (1 - torch.cos(4 * (1 + u).pow(0.25)))


def _narrowing_first(u: Tensor) -> Tensor:
    phase = 4 * (1 + u).pow(0.25)
    return 1 - torch.cos(phase) + (1 + u).pow(0.25) * torch.sin(phase)


def _narrowing_second(u: Tensor) -> Tensor:
    phase = 4 * (1 + u).pow(0.25)
    return 1.25 * (1 + u).pow(-0.75) * torch.sin(phase) + (1 + u).pow(-0.5) * torch.cos(phase)


_SHALLOW = Radial(_shallow, _shallow_first, _shallow_second)
_LATE_RIPPLES = Radial(_late, _late_first, _late_second)
_NARROWING = Radial(_narrowing, _narrowing_first, _narrowing_second)
_QUICKENING = Radial(_quickening, _quickening_first, _quickening_second)
_FADING = Radial(_fading, _fading_first, _fading_second)

RIPPLES: tuple[ZooEntry, ...] = (
    analytic_entry(
        "shallow-ripples",
        "¼(1 + sin ‖θ‖²) with λ = 1: the gradient never vanishes, and s* comes down to 0.59 again and again",
        loss=_SHALLOW.loss,
        gradient=_SHALLOW.gradient,
        laplacian=_SHALLOW.laplacian,
        dimension=3,
        weight_decay=1.0,
        refuted=_FAILING,
        reason=(
            "F is analytic, and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and Gaussian tails. With u = r² and d = 3, ‖∇F‖² = "
            "(λ + ½ cos u)²u and ΔF = 3λ + (3/2) cos u − u sin u. At a fixed phase with sin u < 0, s* → (λ + ½ cos u)²/|sin u| "
            "as u → ∞, and at the others s* → ∞. For λ = 1 its least value over the phase, at cos u = 1 − √3, is c = 3(2 − "
            "√3)/(2√(2√3 − 3)) = 0.590, along every ray and on every sphere alike: Ψ_s → ∞ fails for every s > c, and holds for "
            "s < c, where ‖∇F‖² ≥ u/4 → ∞ and s* stays above s. For any λ, at u = 3π/2 + 2πk s* → λ², so that Ψ_s → −∞ there for "
            "s > λ²."
        ),
        critical_temperature=3 * (2 - math.sqrt(3)) / (2 * math.sqrt(2 * math.sqrt(3) - 3)),
    ),
    analytic_entry(
        "late-ripples",
        "w(1 + sin ‖θ‖²) with decay, w rising from 0 to 1 about ‖θ‖ = 100: like a bowl up to r ~ 40, failing beyond",
        loss=_LATE_RIPPLES.loss,
        gradient=_LATE_RIPPLES.gradient,
        laplacian=_LATE_RIPPLES.laplacian,
        dimension=2,
        weight_decay=1.0,
        refuted=_FAILING,
        reason=(
            "With u = r² and R = 100, L = w(1 + sin u), w = u²/(R⁴ + u²), is analytic and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: smoothness, "
            "quadratic growth and Gaussian tails. L' = w'(1 + sin u) + w cos u in u, with w' ≤ 2R⁴/u³ and w'' = O(u⁻⁴). λ < 2: "
            "where cos u = −λ/2 and sin u = −√(1 − λ²/4), ∇F = (λ(1 − w) + 2w'(1 + sin u))θ = O(r/u²) tends to zero, while ΔF "
            "grows like 4u√(1 − λ²/4), so Ψ_s → −∞ for every s. Any λ: at u = 3π/2 + 2πk, ∇F = λθ and ΔF = 2λ + 4uw, so s* → "
            "λ²/4. So Ψ_s → ∞ fails along every ray and uniformly. Near the origin s* is about (λ + 2w cos u)²/(4w|sin u|): at λ "
            "= 1 it exceeds 1 for 2 ≤ r ≤ 40, and ∇F has no zero but 0 before w = ½ at r = 100."
        ),
    ),
    analytic_entry(
        "narrowing-wells",
        "(1 + θ²)(1 − cos 4(1 + θ²)^¼) with decay, d = 1: Ψ_s < 0 only in intervals of width r^−½, further and further apart",
        loss=_NARROWING.loss,
        gradient=_NARROWING.gradient,
        laplacian=_NARROWING.laplacian,
        dimension=1,
        weight_decay=1.0,
        refuted=_FAILING,
        reason=(
            "F is analytic, and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and Gaussian tails. Write w = 1 + θ² and p = 4w^¼. "
            "∇F = (λ + 2f')θ and ΔF = λ + 2f' + 4θ²f'' with f' = 1 − cos p + w^¼ sin p and f'' = w^−½ cos p + (5/4)w^−¾ sin p. Put "
            "p = 2πk + ψ. From ψ = −π/2 to 0, f' rises from 1 − w^¼ to 0, so for large k it passes −λ/2 in between: ∇F = 0 there, "
            "|sin ψ| ≤ (1 + λ/2)w^−¼ → 0, and ΔF = 4θ²f'' is 4r up to a factor that tends to 1. So Ψ_s → −∞ along this sequence of "
            "radii for every s and every λ, on both rays and uniformly. The sequence has gaps of about π√r, while Ψ_s is negative "
            "only within about √(s/(4r)) of its points."
        ),
    ),
    analytic_entry(
        "quickening-ripples",
        "1 + sin (1 + ‖θ‖²)^0.9 with decay: everything holds, but s* grows only like r^0.4",
        loss=_QUICKENING.loss,
        gradient=_QUICKENING.gradient,
        laplacian=_QUICKENING.laplacian,
        dimension=3,
        weight_decay=1.0,
        reason=(
            "F is analytic, and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and Gaussian tails. With u = r² and phase p = (1 + "
            "u)^0.9, f' = p' cos p and f'' = p'' cos p − p'² sin p, p' = 0.9(1 + u)^−0.1, p'' = −0.09(1 + u)^−1.1. So ‖∇L‖ = "
            "2|f'|r ≤ 1.8 r^0.8, and in d = 3 |ΔL| ≤ 5.4 + 0.36 + 3.24 r^1.6. So Ψ_s ≥ (λr − 1.8 r^0.8)²/s − 3.24 r^1.6 − 3λ − 6 "
            "once λr > 1.8 r^0.8, which tends to infinity uniformly on the sphere, and so along every ray; s* grows like "
            "(λ²/3.24) r^0.4 on the crests' flanks."
        ),
    ),
    analytic_entry(
        "fading-ripples",
        "1 + sin ‖θ‖²/(1 + ‖θ‖²) with decay: ripples as quick as those that fail, but lower and lower; everything holds",
        loss=_FADING.loss,
        gradient=_FADING.gradient,
        laplacian=_FADING.laplacian,
        dimension=3,
        weight_decay=0.1,
        reason=(
            "F is analytic, and L ≥ 0 gives F ≥ (λ/2)‖θ‖²: quadratic growth and Gaussian tails. With u = r², f' = cos u/(1 + u) "
            "− sin u/(1 + u)² and |f''| ≤ 5/(1 + u). So ‖∇L‖ = 2|f'|r ≤ 4r/(1 + r²) ≤ 2 and, in d = 3, |ΔL| ≤ 12 + 20 = 32 are "
            "bounded, and Ψ_s ≥ (λr − 2)²/s − 32 − 3λ once λr > 2, which tends to infinity uniformly on the sphere, and so along "
            "every ray."
        ),
    ),
)
