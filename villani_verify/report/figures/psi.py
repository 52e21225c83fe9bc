"""Ψ_s against radius along random rays, with interval bands, and the λ²r²/s that the decay alone would give."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from villani_verify.report.figures.axes import band, guide, log_axis, signed_log_axis
from villani_verify.report.figures.canvas import Drawn, canvas, finish
from villani_verify.report.figures.families import families, finite
from villani_verify.report.numbers import counted, number, percent, show

RAYS = "differential_growth_rays"


def draw_psi(results: Mapping[str, Any]) -> Drawn | None:
    """Draw Ψ_s at the first temperature, or at s = 1 where none was asked for."""
    rays = families(results, RAYS)
    if not rays:
        return None
    row = results["criteria"][RAYS]
    temperature = number(results["temperatures"][0]) if results["temperatures"] else 1.0
    curves = [(c, c.psi(temperature), c.psi_interval(temperature)) for c in rays]
    decay = largest_decay(results)
    radii = [r for c in rays for r in c.radii]
    reference = [(r, decay**2 * r**2 / temperature) for r in (min(radii), max(radii))] if decay else []
    title = f"Ψ along random rays, at s = {show(temperature)}"
    with canvas() as (figure, axes):
        log_axis(axes, "x", radii)
        values = [v for _, psi, spans in curves for v in (*psi, *finite(spans))]
        limits = signed_log_axis(axes, [*values, *(y for _, y in reference)])
        for columns, psi, spans in curves:
            role = "refuted" if columns.refutes else "hue1"
            band(axes, columns.radii, psi, spans, limits, role, strong=columns.refutes)
        if reference:
            largest = "" if isinstance(results["landscape"]["weight_decay"], int | float) else ", λ the largest"
            guide(axes, *zip(*reference, strict=True), label=f"λ²r²/s{largest}: the decay alone")
            axes.legend(loc="upper left")
        axes.set_xlabel("radius ‖θ‖")
        axes.set_ylabel(f"Ψ at s = {show(temperature)}")
        see = _see(len(rays), percent(row["level"]), bool(reference), min((v for _, p, _ in curves for v in p), default=math.inf))
        failed = (
            "Here it fails: along the red ray Ψ_s stays bounded or falls while the radius grows tenfold."
            if any(c.refutes for c in rays)
            else "Curves would level off, or sink below zero and stay there, over a whole decade of radius."
        )
        return Drawn("psi", title, finish(figure, "psi", title, f"{see} {failed}"), see, failed)


def _see(count: int, level: str, reference: bool, lowest: float) -> str:
    text = (
        f"{'Each line' if count > 1 else 'The line'} is one random direction ({counted(count, 'ray')}); the band around it, often "
        f"thinner than the line, is the {level} interval. The claim wants every such line to rise without end."
    )
    if reference:
        text += " Parallel to the dashed line means that the decay term has taken over; steeper means that the loss grows too."
    if lowest < 0:
        text += (
            " Negative values near the start, or in a narrow dip, do not contradict the claim: it is about the far end of a ray."
        )
    return text


def largest_decay(results: Mapping[str, Any]) -> float:
    """Return the largest λ of all tensors."""
    decay = results["landscape"]["weight_decay"]
    return max(map(number, decay.values()), default=0.0) if isinstance(decay, Mapping) else number(decay)
