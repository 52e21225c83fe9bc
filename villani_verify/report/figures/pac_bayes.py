"""PAC-Bayes bounds against the prior precision λ, with the held-out loss beside them; below, what they cost in nats a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from villani_verify.report.figures.axes import band, guide, log_axis
from villani_verify.report.figures.canvas import PALETTE, Drawn, canvas, finish
from villani_verify.report.numbers import number, show
from villani_verify.report.words_pac_bayes import INEQUALITY_WORDS, held_out_words, verdict_words

_ROLES = {"maurer-seeger": "hue1", "catoni": "hue2", "mcallester": "hue3"}
_TOP = 1.12


def draw_pac_bayes(results: Mapping[str, Any]) -> Drawn:
    """Draw the least bound over σ at each λ, the loss of that posterior on the sample and on held-out rows, and its divergence."""
    rows, loss = results["over_precision"], results["loss"]
    precisions = [number(r["prior_precision"]) for r in rows]
    scale = number(loss["scale"])
    title = f"PAC-Bayes bounds of the {loss['name'].replace('-', ' ')} against the prior's precision"
    with canvas(height=5.6) as (figure, above):
        grid = figure.add_gridspec(2, 1, height_ratios=(3, 2))
        above.set_subplotspec(grid[0])
        below = figure.add_subplot(grid[1])
        limits = 0.0, _TOP * scale
        for axes in (above, below):
            log_axis(axes, "x", precisions)
        above.set_ylim(*limits)
        for name, role in _ROLES.items():
            values = [number(r["bounds"][name]) * scale for r in rows]
            band(
                above,
                precisions,
                values,
                [(v, v) for v in values],
                limits,
                role,
                strong=name == results["certificate"]["inequality"],
            )
            above.plot([], [], color=PALETTE[role], label=INEQUALITY_WORDS[name])
        _losses(above, precisions, rows, limits)
        guide(above, above.get_xlim(), [scale] * 2)
        if loss["uniform"] is not None:
            above.axhline(number(loss["uniform"]) * scale, color=PALETTE["reference"], linestyle=":", label="uniform predictor")
        above.set_ylabel(loss["unit"])
        figure.legend(*above.get_legend_handles_labels(), loc="outside upper center", ncols=2)
        divergences = [number(r["divergence_per_draw"]) for r in rows]
        log_axis(below, "y", divergences)
        below.plot(precisions, divergences, color=PALETTE["hue4"], marker="o")
        below.set_ylabel("KL(Q‖P)/n, nats")
        below.set_xlabel("prior precision λ")
        best = min(rows, key=lambda r: number(r["divergence_per_draw"]))
        see = (
            f"{verdict_words(results)} {held_out_words(results)} At each λ, σ is the one with the least bound. "
            f"The dashed line is the largest loss there is. Below: the divergence that a bound has to pay for each sequence; it is "
            f"least at λ = {show(best['prior_precision'])}, and much above 1 nothing can be said. Arrowheads lie beyond the axis."
        )
        failed = (
            "A bound below the interval of the held-out loss would contradict it, or show that the rows are not what is assumed."
        )
        return Drawn("pac-bayes", title, finish(figure, "pac-bayes", title, f"{see} {failed}"), see, failed)


def _losses(axes: Any, precisions: list[float], rows: Any, limits: tuple[float, float]) -> None:
    """Draw the posterior's loss on the sample and on held-out rows, with intervals."""
    for key, role, label in (("empirical_loss", "ray", "loss of Q on the sample"), ("held_out_loss", "hue6", "loss of Q held out")):
        found = [(x, r[key]) for x, r in zip(precisions, rows, strict=True) if r[key] is not None]
        if found:
            intervals = [(number(r["interval_in_units"][0]), number(r["interval_in_units"][1])) for _, r in found]
            values = [number(r["value_in_units"]) for _, r in found]
            band(axes, [x for x, _ in found], values, intervals, limits, role, strong=key == "held_out_loss", markers=False)
            axes.plot([], [], color=PALETTE[role], label=label)
