"""What is left of L after subtracting its Taylor polynomial of order j, against the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from villani_verify.report.figures.axes import band, guide, letters, log_axis
from villani_verify.report.figures.canvas import HUES, Drawn, Key, canvas, finish
from villani_verify.report.numbers import counted, number, show, show_interval

SMOOTHNESS = "smoothness"
_ROLES = (*HUES, "reference")
Curve = tuple[Mapping[str, Any], list[float], list[float]]


def draw_remainder(results: Mapping[str, Any]) -> Drawn | None:
    """Draw the remainder after each order that could be fitted, with a guide of slope j + 1."""
    row = results["criteria"].get(SMOOTHNESS)
    found = [] if row is None else row["evidence"].get("remainder", [])
    curves = [c for entry in found if entry["slope"] is not None and len((c := _curve(entry))[1]) >= 2]
    if row is None or not curves:
        return None
    title = "Smoothness: the Taylor remainder after order j against the step"
    with canvas(height=3.9) as (figure, axes):
        log_axis(axes, "x", [t for _, steps, _ in curves for t in steps])
        limits = log_axis(axes, "y", [v for *_, values in curves for v in values])
        for i, (entry, steps, values) in enumerate(curves):
            band(axes, steps, values, [(v, v) for v in values], limits, _ROLES[i % len(_ROLES)])
            _slope(axes, steps, values, int(entry["order"]) + 1, limits)
        marks = [(f"j = {e['order']}", steps[0], v[0], _ROLES[i % len(_ROLES)]) for i, (e, steps, v) in enumerate(curves)]
        letters(axes, marks, limits)
        axes.set_xlabel("step h along the line")
        axes.set_ylabel("remainder after order j")
        see = (
            "On a line, L is compared with its own Taylor polynomial of order j at distance h. Where L is smooth, what is left "
            "shrinks like h to the power j + 1 or faster: each curve falls, towards the left, at least as steeply as its dashed "
            "line, until rounding takes over. This shows one place; the verdict rests on expansions compared all along the lines."
        )
        failed = _failed(row)
        key = _key(curves, len(found) - len(curves))
        described = " ".join([see, failed, *(k.text for k in key)])
        return Drawn("remainder", title, finish(figure, "remainder", title, described), see, failed, key)


def _curve(entry: Mapping[str, Any]) -> Curve:
    """Return the positive remainders by falling step; zero is less than rounding, and null was not finite."""
    pairs = [(number(h), number(v)) for h, v in zip(entry["step"], entry["remainder"], strict=True) if v is not None]
    kept = sorted(((h, v) for h, v in pairs if v > 0), reverse=True)
    return entry, [h for h, _ in kept], [v for _, v in kept]


def _slope(axes: Any, steps: list[float], values: list[float], power: int, limits: tuple[float, float]) -> None:
    """Draw the guide through the longest step, a little below the curve so that it does not hide it."""
    line = [(h, 0.4 * values[0] * (h / steps[0]) ** power) for h in steps]
    kept = [(h, y) for h, y in line if limits[0] <= y]
    if len(kept) >= 2:
        guide(axes, *zip(*kept, strict=True))


def _failed(row: Mapping[str, Any]) -> str:
    witness = row["witness"] or {}
    if row["status"] != "refuted":
        return "If derivative m jumped within reach, the curves from j = m on would all have slope m, however short the step."
    if witness.get("flaw") == "jump":
        m = witness["order"]
        return f"Here it fails: from j = {m} on all curves have slope {m}, as derivative {m} jumps within the step. No order helps."
    return "Here it fails: curves of high order are flatter than their dashed lines, however short the step."


def _key(curves: Sequence[Curve], rounding: int) -> tuple[Key, ...]:
    key = []
    for i, (entry, *_) in enumerate(curves):
        order = int(entry["order"])
        fitted = f"slope {show(entry['slope'], 3)}, in {show_interval(entry['interval'], 3)}"
        key.append(Key(_ROLES[i % len(_ROLES)], str(order), f"{fitted}; smooth: about {order + 1} or more"))
    if rounding:
        key.append(Key("ray", "", f"not drawn: {counted(rounding, 'order')} that left too little but rounding"))
    return tuple(key)
