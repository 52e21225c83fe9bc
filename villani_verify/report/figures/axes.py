"""Axes over many decades, and curves with intervals on them: limits, ticks in words, infinities at the edge."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from villani_verify.report.figures.canvas import PALETTE
from villani_verify.report.numbers import power_of_ten

# Beyond these a logarithmic axis meets the ends of float64 when margins are added.
_SMALLEST, _LARGEST = 1e-290, 1e290
_MOST_DECADES = 300.0  # to either side, with the margin
_MOST_TICKS = 6
_LETTER_HEIGHT = 11  # points


def log_axis(axes: Axes, which: Literal["x", "y"], values: Iterable[float]) -> tuple[float, float]:
    """Make one axis logarithmic, wide enough for the positive finite values and at least a decade.

    Returns:
        The limits.
    """
    logs = [math.log10(min(max(v, _SMALLEST), _LARGEST)) for v in values if 0 < v < math.inf] or [0.0]
    low, high = min(logs), max(logs)
    margin = max(0.06 * (high - low), (1.1 - (high - low)) / 2)
    low, high = max(low - margin, -_MOST_DECADES), min(high + margin, _MOST_DECADES)
    limits = 10**low, 10**high
    step = max(1, math.ceil((high - low) / _MOST_TICKS))
    ticks = {10.0**k: power_of_ten(k) for k in range(math.ceil(low), math.floor(high) + 1) if k % step == 0}
    if high - low < 2.2:
        for k in range(math.floor(low), math.ceil(high)):
            ticks |= {m * 10.0**k: _multiple(m, k) for m in (2, 5) if limits[0] <= m * 10.0**k <= limits[1]}
    _set_axis(axes, which, "log", limits, ticks)
    return limits


def signed_log_axis(axes: Axes, values: Iterable[float]) -> tuple[float, float]:
    """Make the vertical axis logarithmic in both signs, linear around zero; plain logarithmic if nothing is negative or zero.

    Returns:
        The limits.
    """
    kept = [max(min(v, _LARGEST), -_LARGEST) for v in values if math.isfinite(v)]
    if all(v > 0 for v in kept):
        return log_axis(axes, "y", kept)
    tops = [math.log10(side) if side > 0 else None for side in (-min(kept, default=0.0), max(kept, default=0.0))]
    signs = [k for k in tops if k is not None] or [0.0]
    # The smaller side shows six decades; what is smaller yet lies on the linear stretch around zero.
    least = min((abs(v) for v in kept if v != 0), default=1.0)
    bottom = min(max(math.floor(math.log10(least)), math.ceil(min(signs)) - 6), math.floor(min(signs)))
    reach = [None if k is None else max(bottom + 1, math.ceil(k + 0.2)) for k in tops]
    limits = [sign * 10.0 ** (bottom if k is None else k) for sign, k in zip((-1, 1), reach, strict=True)]
    decades = sum(k - bottom for k in reach if k is not None)
    step = max(1, math.ceil(decades / _MOST_TICKS))
    ticks = {0.0: "0"}
    for sign, prefix, k in ((-1, "−", reach[0]), (1, "", reach[1])):
        if k is not None:
            # A side shorter than one step still shows how far it goes.
            ticks |= {sign * 10.0**p: prefix + power_of_ten(p) for p in range(bottom + step, k + 1, step) or (k,)}
    axes.set_yscale("symlog", linthresh=10.0**bottom, linscale=0.6)
    _set_axis(axes, "y", None, (limits[0], limits[1]), ticks)
    axes.axhline(0, color=PALETTE["ink"], linewidth=0.9)
    return limits[0], limits[1]


def _multiple(m: int, k: int) -> str:
    return f"{m * 10.0**k:g}" if -3 <= k <= 3 else f"{m}×{power_of_ten(k)}"


def _set_axis(
    axes: Axes, which: Literal["x", "y"], scale: str | None, limits: tuple[float, float], ticks: dict[float, str]
) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    if scale is not None:
        axes.set(**{f"{which}scale": scale})
    axes.set(**{f"{which}lim": limits})
    places = sorted(ticks)
    axis.set_major_locator(FixedLocator(places))
    axis.set_minor_locator(NullLocator())
    axis.set_ticks(places, [ticks[p] for p in places])


def band(
    axes: Axes,
    radii: Sequence[float],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    limits: tuple[float, float],
    role: str,
    *,
    strong: bool = True,
    markers: bool = True,
) -> None:
    """Draw a curve with its intervals; what lies beyond the limits, infinities too, becomes an arrowhead at the edge.

    Args:
        axes: with limits set.
        radii: positions.
        values: may be infinite.
        intervals: (low, high) of each value; may be infinite.
        limits: of the vertical axis.
        role: colour, a name of `PALETTE`.
        strong: a thick line, in front; otherwise a thin one behind.
        markers: whether to mark the points.
    """
    colour, order = PALETTE[role], 3 if strong else 2
    inside = [v if limits[0] <= v <= limits[1] else math.nan for v in values]
    low, high = ([min(max(i[end], limits[0]), limits[1]) for i in intervals] for end in (0, 1))
    if any(h > lo for lo, h in zip(low, high, strict=True)):
        axes.fill_between(radii, low, high, color=colour, alpha=0.22 if strong else 0.08, linewidth=0, zorder=order - 1)
    axes.plot(
        radii, inside, color=colour, linewidth=2.0 if strong else 1.0, marker="o" if markers else None,
        markersize=4 if strong else 2.5, zorder=order,
    )  # fmt: skip
    for beyond, marker, edge in ((lambda v: v > limits[1], "^", limits[1]), (lambda v: v < limits[0], "v", limits[0])):
        out = [r for r, v in zip(radii, values, strict=True) if beyond(v)]
        if out:
            axes.plot(
                out, [edge] * len(out), color=colour, linestyle="none", marker=marker, markersize=7, clip_on=False, zorder=order + 1
            )


def letters(axes: Axes, marks: Sequence[tuple[str, float, float, str]], limits: tuple[float, float]) -> None:
    """Write letters next to the right ends of curves, pushed apart where they would overlap.

    Args:
        axes: with limits set.
        marks: (letter, radius, value, role) of each.
        limits: of the vertical axis.
    """
    points = 72 / axes.figure.dpi
    inside = [(mark, r, min(max(v, limits[0]), limits[1]), role) for mark, r, v, role in marks]
    ends = sorted((float(axes.transData.transform((r, v))[1]) * points, mark, r, v, role) for mark, r, v, role in inside)
    places = [height for height, *_ in ends]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + _LETTER_HEIGHT)
    top = axes.bbox.y1 * points
    for i in reversed(range(len(places))):
        places[i] = min(places[i], top)
        top = places[i] - _LETTER_HEIGHT
    for place, (height, mark, r, v, role) in zip(places, ends, strict=True):
        axes.annotate(
            mark, (r, v), xytext=(6, place - height), textcoords="offset points", color=PALETTE[role], fontweight="bold",
            va="center", annotation_clip=False,
        )  # fmt: skip


def guide(axes: Axes, x: Sequence[float], y: Sequence[float], **options: Any) -> None:
    """Draw a dashed reference line."""
    axes.plot(x, y, color=PALETTE["reference"], linestyle=(0, (4, 3)), linewidth=1.3, zorder=4, **options)
