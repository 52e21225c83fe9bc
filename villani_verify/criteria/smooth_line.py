"""A line through the parameter space along which smoothness is checked, and L on it as a function of one number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from villani_verify.criteria.result import Cost
from villani_verify.curvature.probes import normals
from villani_verify.curvature.taylor import taylor_coefficients
from villani_verify.estimation.remainder import Expansion
from villani_verify.landscape import Landscape
from villani_verify.points import Point, norm

# Below this many parameters every third line is parallel to an axis, where flaws in single coordinates lie.
SMALL_DIMENSION = 64
# A segment reaches this many times ‖θ₀‖ to either side.
SPAN = 2.0


@dataclass
class Line:
    """t ↦ L(θ + t v), in float64 where the device has it.

    Attributes:
        landscape: in the dtype that is computed in.
        declared: dtype the landscape was declared in.
        base: "initial" (θ = θ₀) or "origin" (θ = 0, where radial functions have their kinks).
        index: which line.
        point: θ.
        direction: v, of length one.
        half_length: T; the segment is [−T, T].
        cost: counts the expansions.
        notes: why expansions were made by nested reverse mode, if they were.
    """

    landscape: Landscape
    declared: torch.dtype
    base: str
    index: int
    point: Point
    direction: dict[str, Tensor]
    half_length: float
    cost: Cost
    notes: set[str] = field(default_factory=set)

    def expand(self, order: int) -> Callable[[float], Expansion]:
        """Return t ↦ Taylor expansion of L of that order."""

        def expansion(t: float) -> Expansion:
            series = taylor_coefficients(self.landscape, self.point, self.direction, order=order, t=t, declared=self.declared)
            if order:
                self.cost.num_jets += 1
            else:
                self.cost.num_losses += 1
            if series.note is not None:
                self.notes.add(series.note)
            return Expansion(t, series.loss)

        return expansion

    def value(self, t: float) -> float:
        """Return L."""
        return self.expand(0)(t).coefficients[0]

    @property
    def eps(self) -> float:
        """Rounding unit of the values: the declared dtype's where its casts could not be left out."""
        return torch.finfo(self.declared if self.notes else self.landscape.dtype).eps


def widened(landscape: Landscape) -> Landscape:
    """Return the landscape in float64, or as it is on a device without float64."""
    try:
        return landscape.to(dtype=torch.float64)
    except (TypeError, RuntimeError):
        return landscape


def line(
    landscape: Landscape, declared: torch.dtype, *, seed: int, index: int, base: str | None = None, cost: Cost | None = None
) -> Line:
    """Return line `index` of a seed: isotropic, or parallel to an axis; through θ₀ and the origin in turn.

    Args:
        landscape: already in the dtype to compute in.
        declared: dtype it was declared in.
        seed: of the directions.
        index: which line, from 0.
        base: "initial" or "origin"; by default even lines go through θ₀ and odd ones through the origin.
        cost: counts the expansions.
    """
    base = base or ("origin" if index % 2 else "initial")
    point: Point = landscape.initial
    if base == "origin":
        # An expanded zero takes no memory.
        point = {n: t.new_zeros(()).expand(t.shape) for n, t in point.items()}
    if landscape.dimension <= SMALL_DIMENSION and index % 3 == 2:
        direction = _axis(landscape.initial, (index // 3) % landscape.dimension)
    else:
        direction = {n: normals(n, t.shape, seed=seed, index=index, like=t) for n, t in landscape.initial.items()}
        length = norm(direction)
        for tensor in direction.values():
            tensor /= length
    half_length = SPAN * (norm(landscape.initial) or 1.0)
    return Line(landscape, declared, base, index, point, direction, half_length, Cost() if cost is None else cost)


def _axis(like: Point, number: int) -> dict[str, Tensor]:
    direction = {}
    for name, tensor in like.items():
        v = torch.zeros_like(tensor)
        if 0 <= number < v.numel():
            v.view(-1)[number] = 1.0
        direction[name] = v
        number -= v.numel()
    return direction
