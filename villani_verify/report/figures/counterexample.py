"""Ψ_s along the refuting family and along random rays, at one and the same temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from villani_verify.report.figures.axes import band, log_axis, signed_log_axis
from villani_verify.report.figures.canvas import PALETTE, Drawn, canvas, finish
from villani_verify.report.figures.families import families, finite
from villani_verify.report.figures.psi import RAYS
from villani_verify.report.numbers import number, show
from villani_verify.report.words import UNIFORM


def draw_counterexample(results: Mapping[str, Any]) -> Drawn | None:
    """Draw Ψ_s at the witness's temperature; None unless the uniform criterion is refuted."""
    row = results["criteria"].get(UNIFORM)
    found = [c for c in families(results, UNIFORM) if c.refutes]
    if row is None or not row["witness"] or not found:
        return None
    temperature = number(row["witness"]["temperature"])
    worst, rays = found[0], families(results, RAYS)
    title = f"The counterexample against random rays, at s = {show(temperature)}"
    curves = [(c, "ray", False) for c in rays] + [(worst, "refuted", True)]
    with canvas() as (figure, axes):
        log_axis(axes, "x", [r for c, *_ in curves for r in c.radii])
        values = [v for c, *_ in curves for v in (*c.psi(temperature), *finite(c.psi_interval(temperature)))]
        limits = signed_log_axis(axes, values)
        for columns, role, strong in curves:
            band(axes, columns.radii, columns.psi(temperature), columns.psi_interval(temperature), limits, role, strong=strong)
        axes.plot([], [], color=PALETTE["refuted"], linewidth=2, marker="o", label="counterexample")
        if rays:
            axes.plot([], [], color=PALETTE["ray"], linewidth=1, marker="o", markersize=2.5, label="random rays")
        axes.legend(loc="best")
        axes.set_xlabel("radius ‖θ‖")
        axes.set_ylabel(f"Ψ at s = {show(temperature)}")
        see = "Red: the family of points that refutes the claim, with its interval. It leads to infinity, and Ψ_s does not follow."
        if rays and results["criteria"][RAYS]["status"] == "supported":
            see += " Grey: random rays. On them Ψ_s rises, so a random direction would hardly ever show the failure."
        see += " The vertical axis is logarithmic in both signs where there are both."
        failed = "It does fail. If the claim held, no family of points going to infinity could stay low."
        return Drawn("counterexample", title, finish(figure, "counterexample", title, f"{see} {failed}"), see, failed)
