"""The one interface of all engines: the quadratic forms v_kᵀ∇²L(θ)v_k of addressed probes."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Protocol

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.points import Point


class Engine(Protocol):
    """Computes Hessian quadratic forms. Every engine gives the same numbers for the same probes, up to rounding."""

    name: str

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return vᵀ∇²L(θ)v for the ±1 probes with these addresses.

        Args:
            landscape: gives L; its decay plays no part.
            point: θ.
            seed: first part of the probes' address.
            indices: second part, one for each probe.

        Returns:
            One float for each index, accumulated in float64.

        Raises:
            DeviceError: if memory runs out even in the smallest chunks.
        """


# Up to this many parameters several probes share a pass; above, the kept graph of double backward is cheaper.
_MANY_PARAMETERS = 5_000_000

ENGINES = ("auto", "reverse", "forward-over-reverse")


def engine_for(name: str, dimension: int) -> Engine:
    """Return the engine called `name`, or for "auto" the faster one at this dimension.

    Raises:
        RequestError: if there is none of that name.
    """
    from villani_verify.curvature.double_backward import DoubleBackward
    from villani_verify.curvature.forward_over_reverse import ForwardOverReverse

    if name not in ENGINES:
        close = get_close_matches(name, ENGINES, n=1) or ["auto"]
        raise RequestError(f"engine {name!r}: unknown; choose one of {', '.join(ENGINES)} (did you mean {close[0]!r}?)")
    if name == "reverse" or (name == "auto" and dimension > _MANY_PARAMETERS):
        return DoubleBackward()
    return ForwardOverReverse()
