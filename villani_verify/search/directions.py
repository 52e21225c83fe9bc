"""Unit directions in parameter space, each built from a name and two integers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad

from villani_verify.curvature.gradient import add_decay, loss_and_gradient
from villani_verify.curvature.hessian_vector import hessian_vector
from villani_verify.curvature.probes import normals, signs
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.points import Point, norm

Direction = dict[str, Tensor]

_POWER_ITERATIONS = 12


def isotropic(landscape: Landscape, *, seed: int, index: int) -> Direction:
    """Return a direction drawn uniformly from the unit sphere (a normalised Gaussian)."""
    return normalised({n: normals(n, t.shape, seed=seed, index=index, like=t) for n, t in landscape.initial.items()})


def sign(landscape: Landscape, *, seed: int, index: int) -> Direction:
    """Return a random corner of the cube, ±1/√d in every coordinate."""
    return normalised({n: signs(n, t.shape, seed=seed, index=index, like=t) for n, t in landscape.initial.items()})


def tensor(landscape: Landscape, *, name: str, seed: int, index: int) -> Direction:
    """Return an isotropic direction within one tensor, zero elsewhere."""
    if name not in landscape.initial:
        raise RequestError(f"direction within tensor {name!r}: landscape {landscape.name!r} has none of that name")
    v = {n: torch.zeros_like(t) for n, t in landscape.initial.items()}
    v[name] = normals(name, v[name].shape, seed=seed, index=index, like=v[name])
    return normalised(v)


def sparse(landscape: Landscape, *, seed: int, index: int) -> Direction:
    """Return ± one coordinate direction, the coordinate drawn uniformly over all d."""
    d = landscape.dimension
    draw = int(normals("coordinate", (1,), seed=seed, index=index, like=torch.zeros(1, dtype=torch.float64)).view(torch.int64)[0])
    # The low bits of a normal's mantissa are uniform; 44 of them leave a bias below 1e-5 for d up to 1e8.
    coordinate, positive = (draw >> 1 & (1 << 44) - 1) % d, draw & 1
    v = {n: torch.zeros_like(t) for n, t in landscape.initial.items()}
    for t in v.values():
        if coordinate < t.numel():
            t.view(-1)[coordinate] = 1.0 if positive else -1.0
            break
        coordinate -= t.numel()
    return v


def gradient(landscape: Landscape, *, uphill: bool) -> Direction:
    """Return ± ∇F/‖∇F‖ at the reference point."""
    g = add_decay(landscape, landscape.initial, loss_and_gradient(landscape, landscape.initial)[1])
    return normalised({n: t if uphill else -t for n, t in g.items()})


def top_curvature(landscape: Landscape, *, seed: int, index: int) -> Direction:
    """Return the leading eigenvector of ∇²L at the reference point, by power iteration.

    Twelve iterations from a random start: a direction of high curvature, not a converged eigenvector.
    """
    v = isotropic(landscape, seed=seed, index=index)
    base = {n: t.detach() for n, t in landscape.initial.items()}
    for _ in range(_POWER_ITERATIONS):
        product = {n: torch.zeros_like(t) for n, t in base.items()}
        for weight, batch in landscape.weighted_batches():
            along = hessian_vector(grad(lambda p, b=batch: landscape.loss_function(p, b)), base, v)  # type: ignore[misc]
            product = {n: product[n] + weight * along[n].detach() for n in product}
        if not norm(product) > 0:
            return v
        v = normalised(product)
    return v


def flattest(landscape: Landscape) -> Direction:
    """Return the eigenvector of ∇²F at the reference point whose eigenvalue is smallest in size.

    A direction in which a quadratic does not grow at all is found to rounding. Needs the whole Hessian: small d only.
    """
    sizes = [t.numel() for t in landscape.initial.values()]
    basis = torch.eye(landscape.dimension, dtype=landscape.dtype, device=landscape.device)
    base = {n: t.detach() for n, t in landscape.initial.items()}

    def product(row: Tensor) -> Tensor:
        along = {n: part.reshape(t.shape) for (n, t), part in zip(base.items(), row.split(sizes), strict=True)}
        total = torch.cat([landscape.decay[n] * t.reshape(-1) for n, t in along.items()])
        for weight, batch in landscape.weighted_batches():
            moved = hessian_vector(grad(lambda p, b=batch: landscape.loss_function(p, b)), base, along)  # type: ignore[misc]
            total = total + weight * torch.cat([t.reshape(-1) for t in moved.values()])
        return total.detach()

    hessian = torch.stack([product(row) for row in basis])
    values, vectors = torch.linalg.eigh((hessian + hessian.T) / 2)
    flat = vectors[:, values.abs().argmin()]
    return {n: part.reshape(t.shape) for (n, t), part in zip(base.items(), flat.split(sizes), strict=True)}


def normalised(v: Point) -> Direction:
    """Return v/‖v‖.

    Raises:
        RequestError: if v is zero or not finite, so that it has no direction.
    """
    length = norm(v)
    if not 0 < length < math.inf:
        raise RequestError(f"direction of norm {length}: it points nowhere; choose another family")
    return {n: t / length for n, t in v.items()}


KINDS: dict[str, Callable[..., Direction]] = {
    "isotropic": isotropic,
    "sign": sign,
    "tensor": tensor,
    "sparse": sparse,
    "gradient": lambda landscape, **_: gradient(landscape, uphill=True),
    "anti-gradient": lambda landscape, **_: gradient(landscape, uphill=False),
    "top-curvature": top_curvature,
    "flattest": lambda landscape, **_: flattest(landscape),
}
"""Name → maker; the names are those of results and witnesses."""
