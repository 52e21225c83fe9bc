"""The gradient against the values: v·∇L by reverse mode, and by Taylor arithmetic of the loss along v."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch

from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.curvature.probe_signs import probe_signs
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.curvature.taylor.table import TaylorError
from villani_verify.landscape import Landscape
from villani_verify.memory import halving_batches
from villani_verify.notes import Note
from villani_verify.points import squared_norm

_ALLOWED = {torch.float64: 1e-8, torch.float32: 1e-3}
_INDEX = 0


class GradientNote(Note):
    """The gradient that everything rests on is not that of the loss's values."""


@dataclass(frozen=True)
class GradientCheck:
    """v·∇L for one ±1 probe v at θ₀, in two ways.

    Attributes:
        forward: the t coefficient of L(θ₀ + tv), by Taylor arithmetic.
        reverse: v·∇L, with ∇L by reverse mode.
        relative_difference: their distance over ‖∇L‖, which is the standard deviation of v·∇L; 0 where both vanish.
    """

    forward: float
    reverse: float
    relative_difference: float


def gradient_check(landscape: Landscape, *, seed: int) -> GradientCheck | None:
    """Compare the two at θ₀, and make a note if they differ; None if the loss cannot be expanded.

    They differ where reverse mode is told something else than the values: by `detach`, `no_grad` or a backward pass of one's own.

    Args:
        landscape: gives L.
        seed: address of the probe.
    """
    theta = landscape.initial
    try:
        (forward,) = SecondOrderTaylor().directional_forms(landscape, theta, seed=seed, indices=[_INDEX]).slopes
    except TaylorError:
        return None
    _, gradient = halving_batches(lambda smaller: loss_and_gradient(smaller, theta), landscape)
    signed = (g * probe_signs(n, g.shape, seed=seed, index=_INDEX, like=g) for n, g in gradient.items())
    products = (product.sum(dtype=torch.float64) for product in signed)
    reverse = math.fsum(map(float, products))
    size = math.sqrt(math.fsum(squared_norm(g) for g in gradient.values())) or abs(forward)
    if not (math.isfinite(forward) and math.isfinite(reverse) and math.isfinite(size)):
        return None
    difference = abs(forward - reverse) / size if size else 0.0
    if difference > _ALLOWED.get(landscape.dtype, 0.1):
        text = (
            f"the gradient is not that of the loss's values: along one direction {reverse:.6g} by reverse mode and {forward:.6g} "
            "by the values; look for detach, no_grad or a backward pass of its own"
        )
        warnings.warn(text, GradientNote, 2)
    return GradientCheck(forward, reverse, difference)
