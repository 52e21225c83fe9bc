"""A history as a small line, in the coordinates of an SVG drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT, MARGIN = 240, 48, 4


@dataclass(frozen=True)
class Sparkline:
    """A line from left to right, whose lower edge is zero.

    Attributes:
        path: for a `polyline`, in a view box of WIDTH × HEIGHT.
        last: x and y of its end.
    """

    path: str
    last: tuple[float, float]


def sparkline(history: Sequence[tuple[datetime, float]]) -> Sparkline:
    """Return the line through the values at their times.

    Args:
        history: (time, value), at least one, in the order of time; values are positive.
    """
    start, end = history[0][0], history[-1][0]
    top = max(value for _, value in history)
    points = []
    for time, value in history:
        share = (time - start) / (end - start) if end > start else 1.0
        points.append((MARGIN + share * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - value / top * (HEIGHT - 2 * MARGIN)))
    return Sparkline(" ".join(f"{x:.1f},{y:.1f}" for x, y in points), points[-1])
