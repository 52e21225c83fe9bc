"""The figures of a report, one file each: a function of the results object that draws it, or None if there is nothing to draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from villani_verify.report.figures.canvas import Drawn
from villani_verify.report.figures.counterexample import draw_counterexample
from villani_verify.report.figures.critical_temperature import draw_critical_temperature
from villani_verify.report.figures.flaw import draw_flaw
from villani_verify.report.figures.growth import draw_growth
from villani_verify.report.figures.losses import draw_losses
from villani_verify.report.figures.psi import draw_psi
from villani_verify.report.figures.remainder import draw_remainder
from villani_verify.report.figures.tails import draw_tails

_FIGURES = (
    draw_psi,
    draw_critical_temperature,
    draw_counterexample,
    draw_growth,
    draw_tails,
    draw_losses,
    draw_remainder,
    draw_flaw,
)


def draw_figures(results: Mapping[str, Any]) -> list[Drawn]:
    """Return the figures for which the results object has something to show, in the order of the report."""
    return [drawn for draw in _FIGURES if (drawn := draw(results)) is not None]
