"""Forward over reverse: push the probe through the gradient (Pearlmutter 1994), several probes to a pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import grad, jvp, vjp, vmap

from villani_verify.curvature.probes import stacked_signs
from villani_verify.landscape import Landscape
from villani_verify.memory import in_passes, is_out_of_memory
from villani_verify.points import Point

# Numbers held by the stacked probes of one pass: about a quarter of a gigabyte in float64 with the products.
_NUMBERS_PER_PASS = 1 << 23


class ForwardOverReverse:
    """vᵀ∇²L v = vᵀ d/dt ∇L(θ + tv) at t = 0, by one forward-mode pass over the gradient.

    No graph outlives a pass. Nested *forward* mode is never used: torch's is wrong for LayerNorm. A loss
    without a forward-mode rule is differentiated backward twice instead.
    """

    name = "forward-over-reverse"

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return vᵀ∇²L(θ)v for each address; see `Engine`."""

        def probes(chunk: Sequence[int]) -> dict[str, Tensor]:
            return {n: stacked_signs(n, t.shape, seed=seed, indices=chunk, like=t) for n, t in point.items()}

        forms: list[float] = []

        def one_pass(smaller: Landscape, chunk: Sequence[int]) -> None:
            forms.extend(stacked_forms(smaller, point, probes(chunk)))

        in_passes(one_pass, landscape, indices, per_pass=_NUMBERS_PER_PASS // max(1, landscape.dimension))
        return forms

    def laplacian_samples(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return quadratic forms; see `Engine`."""
        return self.quadratic_forms(landscape, point, seed=seed, indices=indices)


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
            product = _hessian_vector(gradient, base, direction)
            return torch.stack([(product[n] * direction[n]).sum(dtype=torch.float64) for n in base]).sum()

        single = {n: t[0] for n, t in directions.items()}
        values = form(single)[None] if count == 1 else vmap(form)(dict(directions))
        total += weight * values.detach()
    return [float(x) for x in total]


def _hessian_vector(gradient: Callable[[Point], Point], base: Point, direction: Point) -> Point:
    try:
        return jvp(gradient, (base,), (direction,))[1]
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        # The backward of torch's mse_loss and huber_loss has no forward-mode rule. The Hessian is symmetric,
        # so pulling the direction back gives the same product; any other error comes up again here.
        return vjp(gradient, base)[1](direction)[0]
