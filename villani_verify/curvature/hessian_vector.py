"""Hessian-vector products by forward over reverse: the direction is pushed through the gradient (Pearlmutter 1994)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad, jvp, vjp, vmap

from villani_verify.landscape import Landscape
from villani_verify.memory import is_out_of_memory
from villani_verify.points import Point

NUMBERS_PER_PASS = 1 << 23
"""Held by the stacked directions of one pass: about a quarter of a gigabyte in float64 with the products."""


def stacked_forms(landscape: Landscape, point: Point, directions: Point) -> list[float]:
    """Return vᵀ∇²L(θ)v for directions stacked along a leading axis.

    Args:
        landscape: gives L.
        point: θ.
        directions: tensors of shape (K, *shape of the parameter).

    Returns:
        K floats.
    """
    base = {n: t.detach() for n, t in point.items()}
    count = len(next(iter(directions.values())))
    total = torch.zeros(count, dtype=torch.float64, device=landscape.device)
    for weight, batch in landscape.weighted_batches():
        gradient = grad(lambda p, b=batch: landscape.loss_function(p, b))

        def form(direction: dict[str, Tensor], gradient: Callable[[Point], Point] = gradient) -> Tensor:
            product = hessian_vector(gradient, base, direction)
            return torch.stack([(product[n] * direction[n]).sum(dtype=torch.float64) for n in base]).sum()

        single = {n: t[0] for n, t in directions.items()}
        values = form(single)[None] if count == 1 else vmap(form)(dict(directions))
        total += weight * values.detach()
    return [float(x) for x in total]


def stacked_products(landscape: Landscape, point: Point, directions: Point) -> dict[str, Tensor]:
    """Return ∇²L(θ)v for directions stacked along a leading axis, stacked likewise.

    Args:
        landscape: gives L.
        point: θ.
        directions: tensors of shape (K, *shape of the parameter).
    """
    base = {n: t.detach() for n, t in point.items()}
    total: dict[str, Tensor] = {}
    for weight, batch in landscape.weighted_batches():
        gradient = grad(lambda p, b=batch: landscape.loss_function(p, b))
        found = dict(vmap(lambda v, g=gradient: hessian_vector(g, base, v))(dict(directions)))
        for n in base:  # one by one, as all of them twice are what memory would be short of
            product = weight * found.pop(n).detach()
            total[n] = total[n] + product if n in total else product
    return total


def hessian_vector(gradient: Callable[[Point], Point], base: Point, direction: Point) -> Point:
    """Return d/dt ∇L(θ + tv) at t = 0, for the function that gives ∇L, θ and v."""
    try:
        return jvp(gradient, (base,), (direction,))[1]
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        # The backward of torch's mse_loss and huber_loss has no forward-mode rule. The Hessian is symmetric,
        # so pulling the direction back gives the same product; any other error comes up again here.
        return vjp(gradient, base)[1](direction)[0]
