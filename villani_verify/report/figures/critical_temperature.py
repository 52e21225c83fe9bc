"""The critical temperature s* against radius: random rays in grey, structured families in colour, the refuting one in red."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from villani_verify.report.figures.axes import band, guide, letters, log_axis
from villani_verify.report.figures.canvas import HUES, Drawn, Key, canvas, finish
from villani_verify.report.figures.families import Columns, families, finite
from villani_verify.report.figures.psi import RAYS
from villani_verify.report.numbers import counted, number, percent
from villani_verify.report.words import UNIFORM

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def draw_critical_temperature(results: Mapping[str, Any]) -> Drawn | None:
    """Draw s* along everything that was measured."""
    rays, structured = families(results, RAYS), families(results, UNIFORM)
    everything = rays + structured
    if not everything:
        return None
    named, rest = _named(structured)
    title = "Critical temperature s* against radius"
    infinite = any(v == math.inf for c in everything for v in c.critical)
    zero = any(v == 0 for c in everything for v in c.critical)
    alone = any(len(c.radii) == 1 and c.laplacian[0][0] <= 0 for c in structured)
    temperatures = [number(s) for s in results["temperatures"]]
    with canvas(height=3.7) as (figure, axes):
        log_axis(axes, "x", [r for c in everything for r in c.radii])
        limits = log_axis(axes, "y", [v for c in everything for v in (*c.critical, *finite(c.critical_interval))] + temperatures)
        for columns in rays:
            _curve(axes, columns, limits, "refuted" if columns.refutes else "ray", strong=columns.refutes)
        for columns in rest:
            _curve(axes, columns, limits, "reference", strong=False)
        for _, role, columns in reversed(named):  # the refuting family comes out on top
            _curve(axes, columns, limits, role, strong=True)
        letters(axes, [(mark, c.radii[-1], c.critical[-1], role) for mark, role, c in named], limits)
        for s in temperatures:
            guide(axes, axes.get_xlim(), [s, s])
        axes.set_xlabel("radius ‖θ‖")
        axes.set_ylabel("critical temperature s*")
        level = percent(next(results["criteria"][n]["level"] for n in (UNIFORM, RAYS) if n in results["criteria"]))
        see = _see(level, any(not c.refutes for c in rays), infinite, zero, alone, bool(temperatures))
        failed = _failed(results, everything)
        key = _key(named, len(rest), rays)
        described = " ".join([see, failed, *(f"{k.letter}: {k.text}" for k in key)])
        svg = finish(figure, "critical-temperature", title, described)
        return Drawn("critical-temperature", title, svg, see, failed, key)


def _curve(axes: Any, columns: Columns, limits: tuple[float, float], role: str, *, strong: bool) -> None:
    band(axes, columns.radii, columns.critical, columns.critical_interval, limits, role, strong=strong)


def _named(structured: Sequence[Columns]) -> tuple[list[tuple[str, str, Columns]], list[Columns]]:
    """Choose the families that get a letter and a colour: the refuting one, then those whose s* grows least."""
    order = sorted(structured, key=lambda c: (not c.refutes, _ratio(c)))
    hues = iter(HUES)
    kept = order[: len(HUES)]
    return [(_LETTERS[i], "refuted" if c.refutes else next(hues), c) for i, c in enumerate(kept)], order[len(HUES) :]


def _ratio(columns: Columns) -> float:
    first, last = columns.critical[0], columns.critical[-1]
    return last / first if 0 < first < math.inf else math.inf


def _see(level: str, rays: bool, infinite: bool, zero: bool, alone: bool, asked: bool) -> str:
    text = (
        "Ψ_s is positive exactly for temperatures s below the curve, so the claim for every s wants every curve to rise without "
        f"end. Bands are {level} intervals."
    )
    if rays:
        text += " Grey: random rays."
    if infinite:
        text += " Arrowheads at the top: s* is infinite there, Ψ_s is positive for every s."
    if zero:
        text += " Arrowheads at the bottom: s* is zero."
    if alone:
        text += " A point alone: curvature could not be told from sampling noise there, so no more of its family was measured."
    if asked:
        text += " Dashed: the temperatures asked for."
    return text


def _failed(results: Mapping[str, Any], everything: Sequence[Columns]) -> str:
    if not any(c.refutes for c in everything):
        return "A curve would stay level or fall over a whole decade of radius."
    mechanisms = {row["witness"]["mechanism"] for row in results["criteria"].values() if "mechanism" in (row["witness"] or {})}
    if mechanisms == {"gradient"}:
        return "Here the claim fails along the red curve, wherever it lies: the slope ‖∇F‖ itself does not grow along it."
    return "Here it fails: the red curve does not rise. For every s above it Ψ_s is negative, however far out it was followed."


def _key(named: Sequence[tuple[str, str, Columns]], rest: int, rays: Sequence[Columns]) -> tuple[Key, ...]:
    key = [Key(role, mark, c.sentence + (" Refutes the claim." if c.refutes else "")) for mark, role, c in named]
    if rest:
        key.append(Key("reference", "", f"{counted(rest, 'family', 'families')} more (thin lines)"))
    grey = sum(not c.refutes for c in rays)
    if grey < len(rays):
        key.append(Key("refuted", "", "the random ray that refutes the claim about random rays (no letter)"))
    if grey:
        key.append(Key("ray", "", counted(grey, "random ray")))
    return tuple(key)
