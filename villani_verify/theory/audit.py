"""Bounds beside the truth: how loose each is, and which are violated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from villani_verify.estimation.estimate import Interval
from villani_verify.landscape import Landscape
from villani_verify.theory.bounds.bakry_emery import bakry_emery
from villani_verify.theory.bounds.bound import Bound, ConditionStatus
from villani_verify.theory.bounds.das_dutta import das_dutta
from villani_verify.theory.bounds.derivatives import derivatives_at
from villani_verify.theory.bounds.holley_stroock import holley_stroock
from villani_verify.theory.bounds.lyapunov import lyapunov
from villani_verify.theory.gibbs import Gibbs
from villani_verify.theory.layout import Layout
from villani_verify.theory.poincare.box import Box, box_of
from villani_verify.theory.poincare.constant import PoincareConstant, constant_and_box

MOST_POINTS = 4_000


@dataclass(frozen=True)
class Tightness:
    """One bound beside the measured constant.

    Attributes:
        name: of the bound.
        ratio: bound over constant; below one the bound is too small.
        violated: whether even the lower end of the constant's interval exceeds the bound.
    """

    name: str
    ratio: float
    violated: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"name": self.name, "ratio": self.ratio, "violated": self.violated}


@dataclass(frozen=True)
class Audit:
    """Everything that is known of the constants of a landscape of at most three parameters.

    Attributes:
        landscape: its name.
        gibbs: the measure.
        bounds: all of them, those that do not apply included.
        measured: the constant itself.
        smoothness: largest ‖∇²F‖ on the box.
    """

    landscape: str
    gibbs: Gibbs
    bounds: tuple[Bound, ...]
    measured: PoincareConstant
    smoothness: float

    @property
    def tightness(self) -> tuple[Tightness, ...]:
        """Each bound that applies, beside the constant."""
        return compare(self.bounds, self.measured.value, self.measured.interval)

    @property
    def violated(self) -> tuple[str, ...]:
        """Names of the bounds that the constant exceeds."""
        return tuple(t.name for t in self.tightness if t.violated)


def compare(bounds: Sequence[Bound], value: float, interval: Interval) -> tuple[Tightness, ...]:
    """Return each bound that applies beside a measured C_P; as C_P ≤ C_LS, that audits bounds on C_LS too.

    Args:
        bounds: upper bounds.
        value: C_P.
        interval: of C_P.
    """
    return tuple(Tightness(b.name, b.value / value, b.value < interval[0]) for b in bounds if b.applies and b.value is not None)


def audit(landscape: Landscape, temperature: float = 2.0, *, most_points: int = MOST_POINTS) -> Audit:
    """Measure the Poincaré constant and put every bound beside it.

    Conditions are checked on the points of a grid, which can refute them and not prove them.

    Args:
        landscape: at most three parameters, each with λ > 0; a slice of a larger one serves too.
        temperature: s > 0.
        most_points: at which derivatives are taken.

    Raises:
        RequestError: if there are more parameters, or one is not decayed.
        LandscapeError: if no grid within reach gives the constant.
    """
    gibbs = Gibbs.of(landscape, temperature)
    measured, box = constant_and_box(landscape, temperature)
    # The box of the constant where it is small enough, else a coarser one.
    cells = min(box.cells, int(most_points ** (1 / box.dimension)))
    coarse = box if cells == box.cells else box_of(landscape, gibbs, box.lower, box.upper, cells)
    points = coarse.points
    values = coarse.potential.ravel() / gibbs.scale
    losses = values - Layout(landscape).decay_values(points)
    derivatives = derivatives_at(landscape, points)
    where = f"at {len(points):,} points of the box that holds the mass"
    bounds = (
        das_dutta(gibbs),
        bakry_emery(gibbs, float(derivatives.smallest.min()), where),
        holley_stroock(gibbs, float(np.ptp(losses)), where, ConditionStatus.NO_FAILURE_FOUND),
        lyapunov(gibbs, points, losses, values, derivatives.psi(temperature), _walls_rise(coarse, derivatives.gradient)),
    )
    return Audit(landscape.name, gibbs, bounds, measured, float(derivatives.largest.max()))


def _walls_rise(box: Box, gradient: np.ndarray) -> bool:
    """Whether F rises outwards in every cell at a wall."""
    slopes = gradient.reshape(*box.potential.shape, box.dimension)
    for axis in range(box.dimension):
        along = np.moveaxis(slopes[..., axis], axis, 0)
        if (along[0] > 0).any() or (along[-1] < 0).any():
            return False
    return True
