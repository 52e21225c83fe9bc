"""The Poincaré constant of a landscape's Gibbs measure in one to three dimensions, refined until the grid no longer matters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from villani_verify.errors import LandscapeError
from villani_verify.estimation.estimate import Interval
from villani_verify.landscape import Landscape
from villani_verify.theory.gibbs import Gibbs
from villani_verify.theory.poincare.box import MOST_DIMENSIONS, Box, box_around_mass, box_of, roughness
from villani_verify.theory.poincare.finite_volumes import box_constant

_FIRST = {1: 250, 2: 32, 3: 12}
"""Cells along an axis at the start."""
_MOST = {1: 64_000, 2: 512, 3: 48}
_TOLERANCE = {1: 3e-4, 2: 3e-3, 3: 3e-3}
"""Largest relative change at the last halving of the cells."""
_ROUGHEST = 0.25
"""Largest difference of U to its interpolation between cells: more, and the grid may miss what lies between."""
_SLOWEST = 1 / 3
"""Largest ratio of successive changes that is extrapolated; a quarter is what O(h²) gives."""


@dataclass(frozen=True)
class PoincareConstant:
    """A Poincaré constant and how it was found.

    Attributes:
        value: extrapolated to vanishing cells.
        interval: the value ± the change at the last halving of the cells; not statistical.
        cells: along each axis of the finest grid.
        lower: the box's corner where coordinates are least.
        upper: the opposite one.
        grids: (cells, constant) of every grid.
    """

    value: float
    interval: Interval
    cells: int
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    grids: tuple[tuple[int, float], ...]

    @property
    def method(self) -> str:
        """How, in a few words."""
        return f"finite volumes, {self.cells:,} cells an axis"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "value": self.value,
            "interval": list(self.interval),
            "method": self.method,
            "box": {"lower": list(self.lower), "upper": list(self.upper)},
            "grids": [{"cells": n, "value": value} for n, value in self.grids],
        }


def poincare_constant(landscape: Landscape, temperature: float = 2.0, *, tolerance: float | None = None) -> PoincareConstant:
    """Return C_P of μ ∝ exp(−2F/s) on a box that holds its mass, to a relative tolerance.

    Cells are halved until the constant moves by less than the tolerance, by less than before, and U is close to linear between
    cells. The ratio of the last two changes then continues as a geometric series (Aitken 1926). The interval's half-width is the
    last change, while O(h²) leaves a third of it.

    Args:
        landscape: at most three parameters, each with λ > 0.
        temperature: s > 0.
        tolerance: largest relative change at the last halving; default 3e-4 on a line, 3e-3 in two and three dimensions.

    Raises:
        RequestError: if there are more parameters, or one is not decayed.
        LandscapeError: if the finest grid still moves it: then no number is returned.
    """
    return constant_and_box(landscape, temperature, tolerance=tolerance)[0]


def constant_and_box(
    landscape: Landscape, temperature: float = 2.0, *, tolerance: float | None = None
) -> tuple[PoincareConstant, Box]:
    """Return the constant, and the potential on the finest grid."""
    gibbs = Gibbs.of(landscape, temperature)
    cells = _FIRST[min(landscape.dimension, MOST_DIMENSIONS)]
    box = box_around_mass(landscape, gibbs, cells)
    allowed = _TOLERANCE[landscape.dimension] if tolerance is None else tolerance
    grids = [(cells, box_constant(box, gibbs.confinement))]
    change = rough = math.inf
    while cells < _MOST[landscape.dimension]:
        cells *= 2
        box = box_of(landscape, gibbs, box.lower, box.upper, cells)
        grids.append((cells, box_constant(box, gibbs.confinement)))
        before, change = change, grids[-1][1] - grids[-2][1]
        if abs(change) > allowed * grids[-1][1] or not abs(change) < abs(before) < math.inf:
            continue
        rough = roughness(landscape, gibbs, box)
        if rough > _ROUGHEST:
            continue
        ratio = min(max(change / before, 0.0), _SLOWEST)
        value = grids[-1][1] + change * ratio / (1 - ratio)
        corners = tuple(map(float, box.lower)), tuple(map(float, box.upper))
        return PoincareConstant(value, (value - abs(change), value + abs(change)), cells, *corners, tuple(grids)), box
    finer = f"2F/s is up to {rough:.2g} off its values between neighbours" if _ROUGHEST < rough < math.inf else ""
    moves = f"it still moves by {abs(change / grids[-1][1]):.2%} when they are halved, more than {allowed:.2%}"
    raise LandscapeError(
        f"Poincaré constant of landscape {landscape.name!r}: with {cells:,} cells an axis {finer or moves}; raise the "
        "temperature, or take a slice of fewer directions"
    )
