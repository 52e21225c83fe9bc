"""The gradient of L, exact over the fixed list of batches."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from villani_verify.landscape import Landscape
from villani_verify.memory import halving_batches
from villani_verify.points import Point, squared_norm


def loss_and_gradient(landscape: Landscape, point: Point) -> tuple[float, dict[str, Tensor]]:
    """Return L(θ) and ∇L(θ), one backward pass a batch.

    Batches are weighted by their number of terms, so the result does not depend on how the data was split.

    Args:
        landscape: gives L.
        point: θ; tensors may be any leaves, they are not changed.

    Returns:
        L as a float, and a dict of tensors shaped like `point`.
    """
    leaves = {n: t.detach().requires_grad_() for n, t in point.items()}
    losses: list[float] = []
    total: dict[str, Tensor] = {}
    for weight, batch in landscape.weighted_batches():
        loss = landscape.loss_function(leaves, batch) * weight
        parts = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
        losses.append(float(loss.detach()))
        for name, part in zip(leaves, parts, strict=True):
            total[name] = part if name not in total else total[name].add_(part)
    return math.fsum(losses), total


def add_decay(landscape: Landscape, point: Point, gradient: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return ∇F = ∇L + λθ, tensor by tensor, in place of `gradient`."""
    for name, lam in landscape.decay.items():
        if lam:
            gradient[name] = gradient[name].add(point[name], alpha=lam)
    return gradient


def gradient_norms_squared(landscape: Landscape, point: Point) -> tuple[float, float, float]:
    """Return (L, ‖∇L‖², ‖∇F‖²), the norms accumulated in float64; batches are halved where memory runs out."""
    loss, gradient = halving_batches(lambda smaller: loss_and_gradient(smaller, point), landscape)
    plain = math.fsum(squared_norm(t) for t in gradient.values())
    return loss, plain, math.fsum(squared_norm(t) for t in add_decay(landscape, point, gradient).values())
