"""The engine behind "auto": Taylor arithmetic where the loss allows it, reverse mode where it does not."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.engine_interface import Engine
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.curvature.taylor.table import TaylorError
from villani_verify.curvature.trace_form import TraceForm
from villani_verify.landscape import Landscape
from villani_verify.notes import Note
from villani_verify.points import Point

# Up to this many parameters several probes share a pass of forward over reverse; above, the kept graph of double
# backward is cheaper.
_MANY_PARAMETERS = 5_000_000

T = TypeVar("T")


class EngineNote(Note):
    """The loss could not be expanded by Taylor arithmetic, so a slower engine gave the numbers."""


class TaylorOrReverse:
    """`SecondOrderTaylor`, or, from the first loss on that it cannot expand, the faster of the reverse engines.

    Attributes:
        name: of the engine that is in use.
    """

    def __init__(self) -> None:
        self._used: SecondOrderTaylor | DoubleBackward | ForwardOverReverse = SecondOrderTaylor()

    @property
    def name(self) -> str:
        """The engine in use."""
        return self._used.name

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return vᵀ∇²L(θ)v for each address; see `Engine`."""
        return self._tried(landscape, lambda: self._used.quadratic_forms(landscape, point, seed=seed, indices=indices))

    def laplacian_samples(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return independent samples whose mean is ΔL(θ); see `Engine`."""
        return self._tried(landscape, lambda: self._used.laplacian_samples(landscape, point, seed=seed, indices=indices))

    def rounded(self, landscape: Landscape) -> Engine | None:
        """Return an engine of cheaper samples, if the one in use has one; see `Engine`."""
        return self._used.rounded(landscape)

    def trace_form(self, landscape: Landscape, point: Point) -> TraceForm:
        """Return a matrix of trace ΔL(θ); see `Engine`."""
        return self._tried(landscape, lambda: self._used.trace_form(landscape, point))

    def _tried(self, landscape: Landscape, compute: Callable[[], T]) -> T:
        try:
            return compute()
        except TaylorError as error:
            self._used = DoubleBackward() if landscape.dimension > _MANY_PARAMETERS else ForwardOverReverse()
            warnings.warn(f"engine {self._used.name!r} is used: {error}", EngineNote, 3)
        return compute()
