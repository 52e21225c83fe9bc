"""Figures of a study of Langevin chains: F(θ_t) with the fitted exponential, and autocorrelations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from villani_verify.report.figures.axes import guide, log_axis
from villani_verify.report.figures.canvas import HUES, PALETTE, Drawn, canvas, finish
from villani_verify.report.numbers import number, percent, show

MOST_CELLS = len(HUES)


def draw_langevin(results: Mapping[str, Any]) -> list[Drawn]:
    """Return the figures for which a study has something to show: at most its first six cells, one colour each."""
    return [drawn for draw in (draw_relaxation, draw_autocorrelation) if (drawn := draw(results)) is not None]


def draw_relaxation(results: Mapping[str, Any]) -> Drawn | None:
    """Draw the mean of F(θ_t) over chains, its interval and the fitted exponential; None where all chains diverged."""
    cells = [cell for cell in results["cells"] if cell["value_curve"]][:MOST_CELLS]
    if not cells:
        return None
    title = "Mean of F along the chains"
    fitted = [cell for cell in cells if cell["relaxation"] is not None and cell["relaxation"]["rate"] is not None]
    with canvas(height=3.6) as (figure, axes):
        log_axis(axes, "x", [number(point["time"]) for cell in cells for point in cell["value_curve"]])
        for role, cell in zip(HUES, cells, strict=False):
            points = [point for point in cell["value_curve"] if number(point["time"]) > 0]
            times = [number(point["time"]) for point in points]
            low, high = ([number(point["interval"][end]) for point in points] for end in (0, 1))
            axes.fill_between(times, low, high, color=PALETTE[role], alpha=0.22, linewidth=0)
            axes.plot(times, [number(point["value"]) for point in points], color=PALETTE[role], label=_label(cell))
            if cell in fitted:
                fit = {name: number(cell["relaxation"][name]["value"]) for name in ("rate", "limit", "amplitude")}
                label = "fitted a·exp(−rt) + c" if cell is fitted[0] else None
                guide(axes, times, [fit["limit"] + fit["amplitude"] * math.exp(-fit["rate"] * t) for t in times], label=label)
        axes.set_xlabel("time t = ηk")
        axes.set_ylabel("mean of F(θ) over chains")
        axes.legend(loc="best")
        see = f"The band is the {percent(results['level'])} interval over chains, at each time alone."
        if fitted:
            rates = "; ".join(f"{show(cell['relaxation']['rate']['value'], 3)} at {_label(cell)}" for cell in fitted)
            see += f" The dashed line is the fitted a·exp(−rt) + c, with r = {rates}."
        unmixed = [_label(cell) for cell in cells if cell["status"] == "not_mixed"]
        failed = (
            f"Chains that have not mixed ({'; '.join(unmixed)}) give the decay that was seen, and no constant of the measure."
            if unmixed
            else "A curve that leaves its dashed line is no single exponential."
        )
        return Drawn("relaxation", title, finish(figure, "relaxation", title, f"{see} {failed}"), see, failed)


def draw_autocorrelation(results: Mapping[str, Any]) -> Drawn | None:
    """Draw the autocorrelations of a cell, or the slowest of each of several; None where no cell has mixed."""
    cells = [cell for cell in results["cells"] if cell["autocorrelation_curves"]][:MOST_CELLS]
    if not cells:
        return None
    curves = (
        [(name, curve) for name, curve in cells[0]["autocorrelation_curves"].items()]
        if len(cells) == 1
        else [(_label(cell), cell["autocorrelation_curves"]["slowest combination"]) for cell in cells]
    )
    title = "Autocorrelation of what the chains were asked for" if len(cells) == 1 else "Slowest autocorrelation seen"
    with canvas(height=3.6) as (figure, axes):
        for role, (name, curve) in zip(HUES, curves, strict=False):
            axes.plot([number(t) for t, _ in curve], [number(rho) for _, rho in curve], color=PALETTE[role], label=name)
        decay = cells[0]["predicted"]["decay_alone"]
        if len(cells) == 1 and decay is not None:
            times = [number(t) for t, _ in curves[0][1]]
            label = "exp(−λt): the decay alone, L = 0"
            guide(axes, times, [math.exp(-number(decay["rate"]) * t) for t in times], label=label)
        axes.axhline(0, color=PALETTE["ink"], linewidth=0.9)
        axes.set_xlabel("time t = ηk")
        axes.set_ylabel("autocorrelation ρ(t)")
        axes.legend(loc="best")
        rates = "; ".join(f"{show(cell['mixing_rate']['slowest_rate']['value'], 3)} at {_label(cell)}" for cell in cells)
        see = f"Slowest observed exponential rate: {rates}. The spectral gap is at most that."
        failed = "A curve that does not come down within a quarter of a chain would have been called not mixed, and is not drawn."
        return Drawn("autocorrelation", title, finish(figure, "autocorrelation", title, f"{see} {failed}"), see, failed)


def _label(cell: Mapping[str, Any]) -> str:
    decay = cell["weight_decay"]
    shown = show(decay) if not isinstance(decay, Mapping) else "by parameter"
    return f"λ = {shown}, s = {show(cell['temperature'])}"
