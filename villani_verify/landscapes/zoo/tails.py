"""Undecayed radial losses of slower and slower growth, from a narrow miss of the quadratic, which tell the criteria apart."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry
from villani_verify.landscapes.zoo.radial import Radial

_UNCONFINED = (
    "quadratic_growth",
    "gaussian_tails",
    "differential_growth_rays",
    "differential_growth_uniform",
)


def _power(theta: Tensor, exponent: float) -> Tensor:
    """Return (1 + ‖θ‖²)^exponent."""
    return (1 + theta.square().sum()).pow(exponent)


def _power_gradient(theta: Tensor, exponent: float) -> Tensor:
    return 2 * exponent * (1 + theta.square().sum()).pow(exponent - 1) * theta


def _power_laplacian(theta: Tensor, exponent: float) -> float:
    square = theta.square().sum()
    first = 2 * exponent * theta.numel() * (1 + square).pow(exponent - 1)
    return float(first + 4 * exponent * (exponent - 1) * square * (1 + square).pow(exponent - 2))


def _over_log(u: Tensor) -> Tensor:
    return (math.e + u) / torch.log(math.e + u)


def _over_log_first(u: Tensor) -> Tensor:
    log = torch.log(math.e + u)
    return (log - 1) / log.square()


def _over_log_second(u: Tensor) -> Tensor:
    log = torch.log(math.e + u)
    return (2 - log) / ((math.e + u) * log.pow(3))


_OVER_LOG = Radial(_over_log, _over_log_first, _over_log_second)


def _heavy(theta: Tensor) -> Tensor:
    return torch.log(1 + theta.square().sum())


def _heavy_gradient(theta: Tensor) -> Tensor:
    return 2 * theta / (1 + theta.square().sum())


def _heavy_laplacian(theta: Tensor) -> float:
    square = theta.square().sum()
    return float(2 * theta.numel() / (1 + square) - 4 * square / (1 + square).square())


def _bump(theta: Tensor) -> Tensor:
    return torch.exp(-0.5 * theta.square().sum())


def _bump_gradient(theta: Tensor) -> Tensor:
    return -_bump(theta) * theta


def _bump_laplacian(theta: Tensor) -> float:
    return float((theta.square().sum() - theta.numel()) * _bump(theta))


TAILS: tuple[ZooEntry, ...] = (
    analytic_entry(
        "nearly-quadratic",
        "(1 + ‖θ‖²)^0.95 without decay: growth like r^1.9 is just not quadratic, while Ψ_s → ∞ uniformly",
        loss=partial(_power, exponent=0.95),
        gradient=partial(_power_gradient, exponent=0.95),
        laplacian=partial(_power_laplacian, exponent=0.95),
        dimension=3,
        weight_decay=0.0,
        refuted=("quadratic_growth", "gaussian_tails"),
        reason=(
            "F = (1 + r²)^0.95 is analytic. F/r² → 0 like r^−0.1, so quadratic growth fails, and ∫ exp(ε‖θ‖² − 2F/s) = ∞ for "
            "every ε > 0: the tails exp(−2r^1.9/s) are integrable but not Gaussian. ‖∇F‖² = 3.61 r²(1 + r²)^−0.1 grows like "
            "r^1.8, and ΔF = 5.7(1 + r²)^−0.05 − 0.19 r²(1 + r²)^−1.05 ≤ 5.7 in d = 3. So Ψ_s ≥ 3.61 r²(1 + r²)^−0.1/s − 5.7 "
            "tends to infinity uniformly on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "quadratic-over-logarithm",
        "(e + ‖θ‖²)/log(e + ‖θ‖²) without decay: not quadratic by a logarithm, while Ψ_s → ∞ uniformly",
        loss=_OVER_LOG.loss,
        gradient=_OVER_LOG.gradient,
        laplacian=_OVER_LOG.laplacian,
        dimension=2,
        weight_decay=0.0,
        refuted=("quadratic_growth", "gaussian_tails"),
        reason=(
            "Write w = e + r² and x = log w ≥ 1; F = w/x is analytic. F/r² → 0 like 1/(2 log r), so quadratic growth fails, and "
            "∫ exp(ε‖θ‖² − 2F/s) = ∞ for every ε > 0: exp(−2F/s) is integrable, but its tails are not Gaussian. As a function of "
            "u = r², F has the derivatives f' = (x − 1)/x² ≤ ¼ and f'' = (2 − x)/(w x³) ≤ 1/w. So ‖∇F‖² = 4r²(x − 1)²/x⁴ grows "
            "like r²/log² r, while ΔF = 4f' + 4r²f'' ≤ 5 in d = 2, and Ψ_s ≥ 4r²(x − 1)²/(s x⁴) − 5 tends to infinity uniformly "
            "on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "subquadratic",
        "(1 + ‖θ‖²)^¾ without decay: Ψ_s → ∞ uniformly although growth is below quadratic and tails are not Gaussian",
        loss=partial(_power, exponent=0.75),
        gradient=partial(_power_gradient, exponent=0.75),
        laplacian=partial(_power_laplacian, exponent=0.75),
        dimension=3,
        weight_decay=0.0,
        refuted=("quadratic_growth", "gaussian_tails"),
        reason=(
            "F = (1 + r²)^¾ is analytic. F/r² → 0, so quadratic growth fails, and ∫ exp(ε‖θ‖² − 2F/s) = ∞ for every ε > 0: "
            "exp(−2F/s) is integrable, but its tails exp(−2r^1.5/s) are not Gaussian. ‖∇F‖² = (9/4) r²(1 + r²)^(−½) grows like "
            "(9/4) r, while ΔF = (9/2)(1 + r²)^(−¼) − ¾ r²(1 + r²)^(−5/4) ≤ 9/2 in d = 3. So Ψ_s ≥ (9/4) r²(1 + r²)^(−½)/s − 9/2 "
            "tends to infinity uniformly on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "linear-growth",
        "√(1 + ‖θ‖²) without decay: the gradient stays bounded, so nothing but smoothness holds",
        loss=partial(_power, exponent=0.5),
        gradient=partial(_power_gradient, exponent=0.5),
        laplacian=partial(_power_laplacian, exponent=0.5),
        dimension=3,
        weight_decay=0.0,
        refuted=_UNCONFINED,
        reason=(
            "F = √(1 + r²) is analytic. F ≤ 1 + r, so quadratic growth fails, and ∫ exp(ε‖θ‖² − 2F/s) = ∞ for every ε > 0: "
            "exp(−2F/s) is integrable, but its tails are exponential, not Gaussian. ‖∇F‖² = r²/(1 + r²) < 1 and "
            "ΔF > 0 (F is convex), so Ψ_s < 1/s is bounded along every ray and on every sphere."
        ),
    ),
    analytic_entry(
        "heavy-tails",
        "log(1 + ‖θ‖²) without decay: the Gibbs measure is a Student-t, or none at all",
        loss=_heavy,
        gradient=_heavy_gradient,
        laplacian=_heavy_laplacian,
        dimension=2,
        weight_decay=0.0,
        refuted=_UNCONFINED,
        reason=(
            "F = log(1 + r²) is analytic. F/r² → 0, so quadratic growth fails. exp(−2F/s) = (1 + r²)^(−2/s) is integrable in "
            "d = 2 only for s < 2, and never has Gaussian moments. ‖∇F‖² = 4r²/(1 + r²)² and ΔF = 4/(1 + r²)² tend to zero, "
            "so Ψ_s → 0 along every ray and uniformly on spheres; s* = r² → ∞ all the same, so s* alone does not decide."
        ),
    ),
    analytic_entry(
        "gaussian-bump",
        "exp(−‖θ‖²/2) without decay: flat at infinity, so nothing but smoothness holds",
        loss=_bump,
        gradient=_bump_gradient,
        laplacian=_bump_laplacian,
        dimension=2,
        weight_decay=0.0,
        refuted=_UNCONFINED,
        reason=(
            "F = exp(−r²/2) is analytic and 0 < F ≤ 1, so quadratic growth fails and ∫ exp(−2F/s) ≥ ∫ exp(−2/s) = ∞. "
            "‖∇F‖² = r² exp(−r²) and ΔF = (r² − 2) exp(−r²/2) tend to zero, so Ψ_s → 0 along every ray and uniformly on spheres."
        ),
    ),
)
