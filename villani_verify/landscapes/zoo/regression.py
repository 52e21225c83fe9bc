"""Regressions on a small fixed data set: what weight decay adds to a loss of bounded slope.

The inputs are x_i = (c_i, cos 1.3 i, sin 1.3 i), i = 0…7, with c_i = (−1)^i, so that ‖x_i‖ = √2 and they span R³.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from villani_verify.landscapes.zoo.entry import ZooEntry, analytic_entry

_EXAMPLES = 8
_FAILING_WITHOUT_DECAY = (
    "quadratic_growth",
    "gaussian_tails",
    "differential_growth_rays",
    "differential_growth_uniform",
)


def _inputs(like: Tensor) -> Tensor:
    rows = [[(-1.0) ** i, math.cos(1.3 * i), math.sin(1.3 * i)] for i in range(_EXAMPLES)]
    return torch.tensor(rows, dtype=like.dtype, device=like.device)


def _signed_inputs(like: Tensor, separable: bool) -> Tensor:
    """Return label times input, one row an example: all separable by θ = (1, 0, 0), or each input with both labels."""
    inputs = _inputs(like)
    return inputs * inputs[:, :1] if separable else torch.cat([inputs, -inputs])


def _logistic(theta: Tensor, separable: bool) -> Tensor:
    margins = _signed_inputs(theta, separable) @ theta
    # log(1 + e^−m): torch's softplus turns linear at 20, a jump that a test of smoothness may see.
    return torch.logsumexp(torch.stack([-margins, torch.zeros_like(margins)]), dim=0).mean()


def _logistic_gradient(theta: Tensor, separable: bool) -> Tensor:
    rows = _signed_inputs(theta, separable)
    return -(torch.sigmoid(-rows @ theta)[:, None] * rows).mean(dim=0)


def _logistic_laplacian(theta: Tensor, separable: bool) -> float:
    rows = _signed_inputs(theta, separable)
    margins = rows @ theta
    return float((torch.sigmoid(margins) * torch.sigmoid(-margins) * rows.square().sum(dim=1)).mean())


def _targets(like: Tensor) -> Tensor:
    return torch.tensor([math.cos(0.7 * i) for i in range(_EXAMPLES)], dtype=like.dtype, device=like.device)


def _tanh(theta: Tensor) -> Tensor:
    return 0.5 * (torch.tanh(_inputs(theta) @ theta) - _targets(theta)).square().mean()


def _tanh_gradient(theta: Tensor) -> Tensor:
    inputs = _inputs(theta)
    outputs, slopes = _tanh_and_slope(inputs @ theta)
    return (((outputs - _targets(theta)) * slopes)[:, None] * inputs).mean(dim=0)


def _tanh_laplacian(theta: Tensor) -> float:
    inputs = _inputs(theta)
    outputs, slopes = _tanh_and_slope(inputs @ theta)
    curvatures = slopes.square() - 2 * outputs * slopes * (outputs - _targets(theta))
    return float((curvatures * inputs.square().sum(dim=1)).mean())


def _tanh_and_slope(z: Tensor) -> tuple[Tensor, Tensor]:
    outputs = torch.tanh(z)
    return outputs, 1 - outputs.square()


REGRESSIONS: tuple[ZooEntry, ...] = (
    analytic_entry(
        "logistic-regression",
        "logistic loss on separable data, with decay: everything holds",
        loss=partial(_logistic, separable=True),
        gradient=partial(_logistic_gradient, separable=True),
        laplacian=partial(_logistic_laplacian, separable=True),
        dimension=3,
        weight_decay=0.1,
        reason=(
            "L is a mean of log(1 + exp(−y_i x_i·θ)), analytic and positive, so F ≥ (λ/2)‖θ‖²: smoothness, quadratic growth "
            "and Gaussian tails. With ‖x_i‖ = √2, ‖∇L‖ ≤ √2 and 0 ≤ ΔL ≤ ‖x_i‖²/4 = ½. So Ψ_s ≥ (λr − √2)²/s − ½ − 3λ once "
            "λr > √2, which tends to infinity uniformly on the sphere, and so along every ray."
        ),
    ),
    analytic_entry(
        "logistic-regression-undecayed",
        "logistic loss on separable data, no decay: the loss tends to zero in a cone, and nothing confines",
        loss=partial(_logistic, separable=True),
        gradient=partial(_logistic_gradient, separable=True),
        laplacian=partial(_logistic_laplacian, separable=True),
        dimension=3,
        weight_decay=0.0,
        refuted=_FAILING_WITHOUT_DECAY,
        reason=(
            "F = L is analytic. The labels are y_i = c_i, so y_i x_i·θ = θ_1 ± cos(1.3 i)θ_2 ± sin(1.3 i)θ_3 > 0 for all i in "
            "the cone θ_1 > √(θ_2² + θ_3²), where 0 ≤ F ≤ log 2. So F ≥ a‖θ‖² − b fails for every a > 0, and "
            "∫ exp(−2F/s) ≥ ∫_cone 2^(−2/s) = ∞. Everywhere ‖∇F‖ ≤ √2 and ΔF ≥ 0 (L is convex), so Ψ_s ≤ 2/s is bounded "
            "along every ray and on every sphere."
        ),
    ),
    analytic_entry(
        "logistic-overlap-undecayed",
        "logistic loss, each input with both labels, no decay: exp(−2F/s) is integrable, but its tails are not Gaussian",
        loss=partial(_logistic, separable=False),
        gradient=partial(_logistic_gradient, separable=False),
        laplacian=partial(_logistic_laplacian, separable=False),
        dimension=3,
        weight_decay=0.0,
        refuted=_FAILING_WITHOUT_DECAY,
        reason=(
            "F = L is the mean of log(2 cosh(x_i·θ/2)), analytic. As |z|/2 ≤ log(2 cosh(z/2)) ≤ log 2 + |z|/2 and the x_i span "
            "R³, c r ≤ F ≤ log 2 + r/√2 with some c > 0. So quadratic growth fails; exp(−2F/s) is integrable, but "
            "∫ exp(ε‖θ‖² − 2F/s) = ∞ for every ε > 0: the tails are exponential, not Gaussian. ‖∇F‖ ≤ ‖x_i‖/2 = 1/√2 and "
            "ΔF ≥ 0 (L is convex), so Ψ_s ≤ 1/(2s) is bounded along every ray and on every sphere."
        ),
    ),
    analytic_entry(
        "tanh-regression",
        "squared error of a tanh unit, with decay: non-convex with plateaus, everything holds",
        loss=_tanh,
        gradient=_tanh_gradient,
        laplacian=_tanh_laplacian,
        dimension=3,
        weight_decay=0.1,
        reason=(
            "L is the mean of ½(tanh(x_i·θ) − y_i)² with |y_i| ≤ 1, analytic and non-negative, so F ≥ (λ/2)‖θ‖²: smoothness, "
            "quadratic growth and Gaussian tails. Put t = tanh and q = 1 − t² ≤ 1: ∇L is a mean of (t − y)q x_i and ΔL of "
            "(q² − 2tq(t − y))‖x_i‖², so ‖∇L‖ ≤ 2√2 and |ΔL| ≤ 10 are bounded. So Ψ_s ≥ (λr − 2√2)²/s − 10 − 3λ once "
            "λr > 2√2, which tends to infinity uniformly on the sphere, and so along every ray."
        ),
    ),
)
