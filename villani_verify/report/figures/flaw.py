"""Zooming in on a flaw: how much derivatives disagree across an interval that is halved again and again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from villani_verify.report.figures.axes import band, letters, log_axis
from villani_verify.report.figures.canvas import HUES, Drawn, canvas, finish
from villani_verify.report.figures.remainder import SMOOTHNESS
from villani_verify.report.numbers import number

_LARGEST_ORDER = 100


def draw_flaw(results: Mapping[str, Any]) -> Drawn | None:
    """Draw the disagreement of each derivative up to the broken one; None unless a derivative was found broken."""
    row = results["criteria"].get(SMOOTHNESS)
    witness = {} if row is None else row["witness"] or {}
    if row is None or witness.get("flaw") not in ("jump", "blow-up"):
        return None
    broken = int(witness["order"])
    curves = []
    for entry in row["evidence"].get("mismatch", []):
        order = int(entry["order"])
        if not 0 <= order <= _LARGEST_ORDER:  # results come from a file, and a factorial must not take for ever
            raise ValueError(f"order {order} of a derivative is not between 0 and {_LARGEST_ORDER}")
        pairs = [(number(h), number(v)) for h, v in zip(entry["step"], entry["mismatch"], strict=True) if v is not None]
        kept = [(h, v * math.factorial(order)) for h, v in pairs if v > 0]
        if order <= broken and len(kept) >= 2:
            curves.append((order, [h for h, _ in kept], [v for _, v in kept]))
    if not curves:
        return None
    roles = {order: "refuted" if order == broken else HUES[order % len(HUES)] for order, *_ in curves}
    title = "Smoothness: zooming in on the flaw"
    with canvas() as (figure, axes):
        log_axis(axes, "x", [h for _, steps, _ in curves for h in steps])
        limits = log_axis(axes, "y", [v for *_, values in curves for v in values])
        for order, steps, values in curves:
            band(axes, steps, values, [(v, v) for v in values], limits, roles[order], strong=order == broken)
        letters(axes, [(_name(order), steps[0], values[0], roles[order]) for order, steps, values in curves], limits)
        axes.set_xlabel("length of the interval")
        axes.set_ylabel("disagreement across it")
        see = (
            "The interval around the flaw was halved again and again, from right to left. Each curve says by how much a "
            f"derivative differs from what the expansion at the other end predicts. The red one, of derivative {broken}, does not "
            "shrink with the interval: the derivative has no single value there."
        )
        failed = "It does fail. Where L is smooth, every curve falls to rounding."
        return Drawn("flaw", title, finish(figure, "flaw", title, f"{see} {failed}"), see, failed)


def _name(order: int) -> str:
    return "L" + "′" * order if order <= 3 else f"order {order}"
