"""Histogram of the loss at Gaussian samples, from which log(Z/Z_G) is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from villani_verify.report.figures.axes import log_axis
from villani_verify.report.figures.canvas import PALETTE, Drawn, canvas, finish
from villani_verify.report.figures.tails import TAILS
from villani_verify.report.numbers import number, show, show_interval


def draw_losses(results: Mapping[str, Any]) -> Drawn | None:
    """Draw the histogram; None where the criterion did not sample."""
    row = results["criteria"].get(TAILS)
    losses = [] if row is None else [number(x) for x in row["evidence"].get("losses", [])]
    if row is None or not losses or row["statistic"] is None:
        return None
    temperature = show(row["evidence"]["temperature"])
    title = "Loss at samples of the Gaussian reference"
    with canvas(height=2.8) as (figure, axes):
        logarithmic = min(losses) > 0 and max(losses) > 100 * min(losses)
        if logarithmic:
            log_axis(axes, "x", losses)
        axes.hist(losses, bins=_edges(losses, logarithmic), color=PALETTE["hue1"], edgecolor=PALETTE["paper"], linewidth=0.6)
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("loss L")
        axes.set_ylabel("samples")
        value = f"{show(row['statistic'])}, interval {show_interval(row['interval'])}"
        see = (
            f"{len(losses)} parameter vectors were drawn from the Gaussian that weight decay alone would give at s = {temperature}."
            f" The average of exp(−2L/s) over them gives log(Z/Z_G) = {value}: by how much the loss shrinks the total weight of "
            "the density. Z is finite, and at most the Gaussian’s, because L is never negative."
        )
        effective = row["evidence"].get("effective_sample_size")
        if effective is not None and number(effective) < 10:
            few = f"(effective sample size {show(effective, 2)})"
            see += f" A few samples with the smallest loss decide the average {few}, so it is rough."
        failed = "A negative loss would appear left of zero, and could make the integral diverge; the run would have stopped there."
        return Drawn("losses", title, finish(figure, "losses", title, f"{see} {failed}"), see, failed)


def _edges(losses: Sequence[float], logarithmic: bool) -> list[float]:
    count = max(8, min(32, round(math.sqrt(len(losses)) * 1.5)))
    low, high = min(losses), max(losses)
    if logarithmic:
        return [low * (high / low) ** (i / count) for i in range(count)] + [high]
    if high - low <= 1e-9 * max(abs(high), 1e-300):
        width = max(abs(high), 1.0) * 0.05
        low, high = low - width, high + width
    return [low + (high - low) * i / count for i in range(count)] + [high]
