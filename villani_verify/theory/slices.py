"""A landscape of a few parameters cut out of one of many: the others stay where they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from villani_verify.curvature.probes import derive_seed
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.points import Point


def slice_of(landscape: Landscape, directions: Sequence[Point], *, name: str | None = None) -> Landscape:
    """Return F on the plane θ₀ + span(v_1, …, v_k), as a landscape of k numbers.

    With orthonormal v_i, u_i = ⟨v_i, θ⟩ and a uniform λ, the decay of a point of the plane is ½λ‖u‖² plus a constant. So the slice
    is L(θ₀ + Σ_i (u_i − ⟨v_i, θ₀⟩) v_i) with the same λ: its Gibbs measure is the original one *conditioned* on all other
    coordinates. Its constants are those of the conditional measure. They bound nothing of the whole, nor the other way round.

    Args:
        landscape: with the same λ for every tensor.
        directions: v_1 … v_k, tensors by name (those left out are zero), orthonormal.
        name: for reports; default "slice of …".

    Raises:
        RequestError: if λ is not uniform, or the directions are not orthonormal or name what there is not.
    """
    decays = set(landscape.decay.values())
    if len(decays) != 1:
        raise RequestError(f"slice of landscape {landscape.name!r}: its weight decays differ; give one λ for all parameters")
    start = {n: t.detach() for n, t in landscape.initial.items()}
    for direction in directions:
        for n, t in direction.items():
            if n not in start or t.shape != start[n].shape:
                raise RequestError(
                    f"slice of landscape {landscape.name!r}: no tensor {n!r} of shape {tuple(t.shape)}; mend the direction"
                )
    gram = [[_inner(v, w) for w in directions] for v in directions]
    worst = max(abs(x - (i == j)) for i, row in enumerate(gram) for j, x in enumerate(row))
    if not worst < 1e-5:
        raise RequestError(
            f"slice of landscape {landscape.name!r}: its directions are not orthonormal (off by {worst:.2g}); orthonormalise them"
        )
    offsets = torch.tensor([_inner(v, start) for v in directions], dtype=torch.float64)
    moved = {n: t for n, t in start.items() if any(n in v for v in directions)}

    def loss(u: Tensor) -> Tensor:
        shift = (u - offsets.to(u)).to(landscape.dtype)
        point = dict(start)
        for n, t in moved.items():
            for i, v in enumerate(directions):
                if n in v:
                    point[n] = point[n] + shift[i] * v[n].to(t)
        total = sum(w * landscape.loss_function(point, b) for w, b in landscape.weighted_batches())
        return torch.as_tensor(total).to(u.dtype)

    return Landscape.from_function(
        loss,
        len(directions),
        weight_decay=decays.pop(),
        initial=offsets.to(landscape.device),
        name=name or f"slice of {landscape.name} in {len(directions)} direction{'s' if len(directions) > 1 else ''}",
    )


def coordinate_directions(landscape: Landscape, count: int, seed: int) -> list[dict[str, Tensor]]:
    """Return the unit vectors of `count` different single parameters, drawn uniformly from all by a seed."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "slice"))
    if not 1 <= count <= landscape.dimension:
        raise RequestError(f"slice of landscape {landscape.name!r}: {count} of {landscape.dimension:,} parameters; give fewer")
    chosen: list[int] = []
    while len(chosen) < count:
        index = int(torch.randint(landscape.dimension, (), generator=generator))
        if index not in chosen:
            chosen.append(index)
    return [_unit(landscape, index) for index in chosen]


def _unit(landscape: Landscape, index: int) -> dict[str, Tensor]:
    for n, t in landscape.initial.items():
        if index < t.numel():
            unit = torch.zeros_like(t).reshape(-1)
            unit[index] = 1
            return {n: unit.reshape(t.shape)}
        index -= t.numel()
    raise AssertionError("an index beyond the dimension")


def _inner(first: Point, second: Point) -> float:
    """Return ⟨first, second⟩ over the tensors that both have, accumulated in float64."""
    return math.fsum(float((t.to(torch.float64) * second[n].to(torch.float64)).sum()) for n, t in first.items() if n in second)
