"""Points of the ray through θ₀: scaled to norms that a user asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.points import Point, norm


def check_radii(radii: Sequence[float]) -> None:
    """Check that all radii can be scaled to.

    Raises:
        RequestError: if one is not a positive finite number.
    """
    for radius in radii:
        if not (math.isfinite(radius) and radius > 0):
            raise RequestError(f"radius {radius}: it is not a positive finite number; give one such as 10")


def scaled(landscape: Landscape, radii: Sequence[float]) -> Iterator[Point]:
    """Return θ₀ scaled to each norm, made as they are asked for; θ₀ itself for none.

    Raises:
        RequestError: if θ₀ = 0, which cannot be scaled.
    """
    length = norm(landscape.initial)
    if radii and length == 0:
        raise RequestError(
            f"radius {radii[0]:g}: the reference point of {landscape.name!r} is zero and cannot be scaled; leave it out"
        )
    if not radii:
        return iter([landscape.initial])
    factors = [radius / length for radius in radii]
    return ({n: t * factor for n, t in landscape.initial.items()} for factor in factors)
