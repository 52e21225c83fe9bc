"""The spectrum of ∇²F: its density with intervals at each point, and its ends against radius or through training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from villani_verify.report.checkpoints import short_name
from villani_verify.report.figures.axes import band, log_axis
from villani_verify.report.figures.canvas import PALETTE, Drawn, canvas, finish
from villani_verify.report.numbers import counted, number, percent, power_of_ten, show

_DECADES_BELOW_ONE_EIGENVALUE = 1
_MOST_TICKS_A_SIDE = 4
_ABOVE: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 3, "columnspacing": 1.2}


def draw_spectrum(results: Mapping[str, Any]) -> list[Drawn]:
    """Return the figures of a results object of `spectrum`: a density for each point, and the ends where there are several."""
    level = percent(results["level"])
    points = results["points"]
    names = ["density"] if len(points) == 1 else [f"density-{i + 1}" for i in range(len(points))]
    figures = [_density(name, p, results["dimension"], level) for name, p in zip(names, points, strict=True)]
    if _of_training(points):
        figures.append(_extremes(points, level))
    elif len({p["radius"] for p in points}) > 1:
        figures.append(_extremes(sorted(points, key=lambda p: p["radius"]), level))
    return figures


def _of_training(points: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the points are checkpoints, more than one."""
    return len(points) > 1 and all(p["checkpoint"] for p in points)


def _density(name: str, point: Mapping[str, Any], dimension: int, level: str) -> Drawn:
    density = point["density"]
    grid, values = density["grid"], density["value"]
    low, high = ([max(number(pair[end]), 0.0) for pair in density["interval"]] for end in (0, 1))
    width = density["kernel_width"]
    single = 1 / (dimension * width * 2.5066)
    title = f"Density of the eigenvalues of ∇²F at radius {show(point['radius'])}"
    title += f", checkpoint {short_name(point['checkpoint'])}" if point["checkpoint"] else ""
    with canvas() as (figure, axes):
        bottom = single / 10**_DECADES_BELOW_ONE_EIGENVALUE
        limits = log_axis(axes, "y", [bottom, max(values), min(max(high), 10 * max(values))])
        below, above = ([min(max(v, limits[0]), limits[1]) for v in side] for side in (low, high))
        axes.fill_between(grid, below, above, color=PALETTE["hue1"], alpha=0.25, linewidth=0, label=f"{level} interval, each x")
        axes.plot(grid, [v if v >= limits[0] else math.nan for v in values], color=PALETTE["hue1"], label="estimate")
        axes.axhline(single, color=PALETTE["reference"], linestyle=(0, (4, 3)), linewidth=1.3, label="one eigenvalue")
        axes.set_xlim(grid[0], grid[-1])
        axes.set_xlabel("eigenvalue λ of ∇²F")
        axes.set_ylabel("density")
        axes.legend(**_ABOVE)
        see = (
            f"The share of the {counted(dimension, 'eigenvalue')} for each unit of λ, smoothed by a Gaussian of width "
            f"{show(width, 2)}. At the dashed height stands the peak of a single eigenvalue: what is far below it is the flank of "
            "others, or nothing."
        )
        negative = point["fraction_negative"]
        ends = negative["interval"]
        failed = (
            f"What lies left of zero, {show(negative['value'], 2)} of all (between {show(ends[0], 2)} and "
            f"{show(ends[1], 2)}), is where F is not convex."
        )
        return Drawn(name, title, finish(figure, name, title, f"{see} {failed}"), see, failed)


def _extremes(points: list[Mapping[str, Any]], level: str) -> Drawn:
    training = _of_training(points)
    places = list(range(len(points))) if training else [p["radius"] for p in points]
    curves = [
        (
            [number(p[group][key]["value"]) for p in points],
            [tuple(map(number, p[group][key]["interval"])) for p in points],
            role,
            label,
        )
        for group, key, role, label in (
            ("extremes", "largest", "hue1", "largest"),
            ("moments", "mean", "hue3", "mean, ΔF/d"),
            ("extremes", "smallest", "hue2", "smallest"),
        )
    ]
    title = f"Ends and mean of the spectrum of ∇²F {'through training' if training else 'against radius'}"
    with canvas() as (figure, axes):
        if training:
            axes.set_xticks(places, [short_name(p["checkpoint"]) for p in points])
        else:
            log_axis(axes, "x", places)
        ends = [v for values, *_, label in curves for v in values if not label.startswith("mean")]
        limits = _axis_of_both_signs(axes, ends)
        for values, spans, role, label in curves:
            band(axes, places, values, [(lo, hi) for lo, hi in spans], limits, role)
            axes.plot([], [], color=PALETTE[role], marker="o", markersize=4, linewidth=2, label=label)
        axes.set_xlabel("checkpoint" if training else "radius ‖θ‖")
        axes.set_ylabel("eigenvalue of ∇²F")
        axes.legend(**_ABOVE)
        see = f"The bands, often thinner than the lines, are {level} intervals; those of both ends hold together at each point."
        grows = "training goes on" if training else "the radius grows"
        failed = f"Spectral inflation is the outer lines moving apart as {grows}; without it they would be level."
        return Drawn("extremes", title, finish(figure, "extremes", title, f"{see} {failed}"), see, failed)


def _axis_of_both_signs(axes: Axes, values: list[float]) -> tuple[float, float]:
    """Make the vertical axis logarithmic in both signs down to the smallest value, as radii differ by many decades.

    Returns:
        The limits.
    """
    logs = [math.log10(abs(v)) for v in values if v and math.isfinite(v)] or [0.0]
    bottom, top = math.floor(min(logs)), math.floor(max(logs)) + 1
    step = math.ceil((top - bottom) / _MOST_TICKS_A_SIDE)
    powers = range(top, bottom, -step)
    ticks = {0.0: "0"} | {s * 10.0**p: sign + power_of_ten(p) for p in powers for s, sign in ((1, ""), (-1, "−"))}
    limits = (-(10.0**top) if min(values) < 0 else 0.0), (10.0**top if max(values) >= 0 else 0.0)
    axes.set_yscale("symlog", linthresh=10.0**bottom, linscale=0.4)
    axes.set_ylim(*limits)
    places = sorted(t for t in ticks if limits[0] <= t <= limits[1])
    axes.yaxis.set_major_locator(FixedLocator(places))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks(places, [ticks[p] for p in places])
    axes.axhline(0, color=PALETTE["ink"], linewidth=0.9)
    return limits
