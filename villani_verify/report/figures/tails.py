"""How fast the Gibbs density falls: 2F/s, minus its logarithm, against radius."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from villani_verify.report.figures.axes import guide, log_axis
from villani_verify.report.figures.canvas import Drawn, canvas, finish
from villani_verify.report.figures.growth import draw_profiles, profiles
from villani_verify.report.numbers import number, show

TAILS = "gaussian_tails"


def draw_tails(results: Mapping[str, Any]) -> Drawn | None:
    """Draw the radial profiles of the tail criterion with a line of slope 2, as a Gaussian has."""
    rows = profiles(results, TAILS)
    if not rows:
        return None
    row = results["criteria"][TAILS]
    temperature = number(row["evidence"].get("temperature", 1.0))
    curves = [(p, r, [2 * v / temperature for v in values]) for p, r, values in rows]
    title = f"Tails: minus the log density, 2F/s at s = {show(temperature)}, against radius"
    with canvas() as (figure, axes):
        radii = [x for _, r, _ in curves for x in r]
        log_axis(axes, "x", radii)
        # The Gaussian starts where the lowest curve does, so that slopes are compared side by side.
        start = min(values[0] for *_, values in curves if values[0] > 0) if any(v[0] > 0 for *_, v in curves) else 1.0
        near, far = min(radii), max(radii)
        reference = [start, start * (far / near) ** 2]
        limits = log_axis(axes, "y", [v for *_, values in curves for v in values] + reference)
        key = draw_profiles(axes, curves, limits)
        guide(axes, [near, far], reference, label="slope of a Gaussian, r²")
        axes.legend(loc="upper left")
        axes.set_xlabel("radius ‖θ‖")
        axes.set_ylabel("2F/s")
        see = (
            "The density of noisy training is proportional to exp(−2F/s). A curve that rises in parallel with the dashed line, or "
            "more steeply, falls off like a Gaussian, or faster."
        )
        failed = (
            "Here it fails: a curve is flatter than the dashed line to the end, so too much probability lies far out."
            if row["status"] == "refuted"
            else "A curve would be flatter than the dashed line to the right end."
        )
        described = " ".join([see, failed, *(f"{k.letter}: {k.text}" for k in key)])
        return Drawn("tails", title, finish(figure, "tails", title, described), see, failed, key)
