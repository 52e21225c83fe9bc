"""A campaign's points: s* against radius, one figure a landscape and one colour a weight decay, and Ψ_s where it was asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from villani_verify.report.figures.axes import band, guide, letters, log_axis, signed_log_axis
from villani_verify.report.figures.canvas import HUES, Drawn, Key, canvas, finish
from villani_verify.report.figures.families import Pair
from villani_verify.report.numbers import counted, percent, show

_LETTERS = "ABCDEF"
# So that a page stays of a size that opens at once, whatever the campaign's.
_MOST_LANDSCAPES = 12
_MOST_POINTS = 3000
_MOST_BOLD = 4  # curves of one colour that are drawn thick

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CampaignFigures:
    """What is drawn of a campaign.

    Attributes:
        drawn: the figures, landscape by landscape.
        left_out: a sentence for each thing that could not be drawn, or not all of it.
    """

    drawn: tuple[Drawn, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Curve:
    """One ray at one weight decay; `rows` have finite points, by rising r."""

    decay: float
    rows: tuple[Row, ...]

    def column(self, name: str) -> list[float]:
        return [float(row[name]) for row in self.rows]

    def intervals(self, name: str) -> list[Pair]:
        return list(zip(self.column(f"{name}_low"), self.column(f"{name}_high"), strict=True))


def draw_campaign(points: Sequence[Row], *, level: float, temperatures: Sequence[float] = ()) -> CampaignFigures:
    """Draw s*, and Ψ_s at the first temperature, for each landscape of a table of points.

    Args:
        points: rows as `runs.tables.tables_of` makes them; numbers may be infinite, or None where F is not finite.
        level: of the intervals in them.
        temperatures: that Ψ_s is tabulated at; none for no figure of it.
    """
    shown = [p for p in points if p["temperature"] == (temperatures[0] if temperatures else None)]
    names = list(dict.fromkeys(p["landscape"] for p in shown))
    figures: list[Drawn] = []
    left_out: list[str] = []
    for i, name in enumerate(names[:_MOST_LANDSCAPES]):
        rows = [p for p in shown if p["landscape"] == name]
        curves, sentences = _chosen(name, rows)
        left_out += sentences
        if not curves:
            continue
        figures.append(_critical(f"critical-temperature-{i}", name, curves, level, temperatures))
        if temperatures:
            figures.append(_psi(f"psi-{i}", name, curves, level, temperatures))
    if len(names) > _MOST_LANDSCAPES:
        left_out.append(f"Figures show the first {_MOST_LANDSCAPES} of {len(names):,} landscapes; the tables have all of them.")
    return CampaignFigures(tuple(figures), tuple(left_out))


def _chosen(name: str, rows: Sequence[Row]) -> tuple[list[_Curve], list[str]]:
    """Return the curves of one landscape that a person can read, and what was left out."""
    left_out = []
    nowhere = sum(row["radius"] is None for row in rows)
    if nowhere:
        left_out.append(f"{name}: F, its gradient or its Laplacian is not finite at {counted(nowhere, 'point')}; not drawn.")
    curves = list(_curves([row for row in rows if row["radius"] is not None]))
    decays = sorted({c.decay for c in curves})
    if len(decays) > len(HUES):
        # Evenly over those that there are, both ends included.
        kept = {decays[round(k * (len(decays) - 1) / (len(HUES) - 1))] for k in range(len(HUES))}
        curves = [c for c in curves if c.decay in kept]
        left_out.append(f"{name}: {len(kept)} of {len(decays)} weight decays are drawn.")
    total = sum(len(c.rows) for c in curves)
    step = math.ceil(total / _MOST_POINTS)
    if step > 1:
        by_decay = [[c for c in curves if c.decay == lam] for lam in sorted({c.decay for c in curves})]
        kept_curves = [c for same in by_decay for c in same[::step]]
        left_out.append(f"{name}: {len(kept_curves):,} of {len(curves):,} curves are drawn.")
        curves = kept_curves
    return curves, left_out


def _curves(rows: Sequence[Row]) -> Iterator[_Curve]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["weight_decay"], row["direction"], row["ray"]), []).append(row)
    for (decay, *_), found in groups.items():
        yield _Curve(decay, tuple(sorted(found, key=lambda row: row["r"])))


def _critical(name: str, landscape: str, curves: Sequence[_Curve], level: float, temperatures: Sequence[float]) -> Drawn:
    title = f"{landscape}: critical temperature s* against radius"
    values = [v for c in curves for v in c.column("critical_temperature")]
    ends = [v for c in curves for pair in c.intervals("critical_temperature") for v in pair]
    see = (
        f"A line is one ray ({counted(len(curves), 'line')}); bands are {percent(level)} intervals. Ψ_s is positive exactly for "
        "temperatures s below the line, so the claim for every s wants every line to rise without end."
    )
    if math.inf in values:
        see += " Arrowheads at the top: s* is infinite there, Ψ_s is positive for every s."
    elif math.inf in ends:
        see += " A band that reaches the top: the sign of ΔF could not be told from sampling noise there."
    if 0 in values:
        see += " Arrowheads at the bottom: s* is zero."
    if temperatures:
        see += " Dashed: the temperatures asked for."
    failed = "A line would stay level or fall over a whole decade of radius."
    with canvas(height=3.7) as (figure, axes):
        log_axis(axes, "x", [r for c in curves for r in c.column("radius")])
        limits = log_axis(axes, "y", [*values, *ends, *temperatures])
        key = _draw(axes, curves, "critical_temperature", limits)
        for s in temperatures:
            guide(axes, axes.get_xlim(), [s, s])
        axes.set_xlabel("radius ‖θ‖")
        axes.set_ylabel("critical temperature s*")
        return Drawn(name, title, finish(figure, name, title, _described(see, failed, key)), see, failed, key)


def _psi(name: str, landscape: str, curves: Sequence[_Curve], level: float, temperatures: Sequence[float]) -> Drawn:
    s = show(temperatures[0])
    title = f"{landscape}: Ψ at s = {s} against radius"
    see = f"A line is one ray; bands are {percent(level)} intervals. The claim wants every line to rise without end."
    if len(temperatures) > 1:
        see += f" The tables have {counted(len(temperatures) - 1, 'temperature')} more."
    failed = "Lines would level off, or sink below zero and stay there, over a whole decade of radius."
    values = [v for c in curves for v in (*c.column("psi"), *(x for pair in c.intervals("psi") for x in pair))]
    with canvas(height=3.7) as (figure, axes):
        log_axis(axes, "x", [r for c in curves for r in c.column("radius")])
        limits = signed_log_axis(axes, values)
        key = _draw(axes, curves, "psi", limits)
        axes.set_xlabel("radius ‖θ‖")
        axes.set_ylabel(f"Ψ at s = {s}")
        return Drawn(name, title, finish(figure, name, title, _described(see, failed, key)), see, failed, key)


def _draw(axes: Any, curves: Sequence[_Curve], column: str, limits: Pair) -> tuple[Key, ...]:
    """Draw curves with their bands, a letter at the end of one of each colour, and return the key."""
    decays = sorted({c.decay for c in curves})
    ends, key = [], []
    for letter, role, decay in zip(_LETTERS, HUES, decays, strict=False):
        same = [c for c in curves if c.decay == decay]
        bold = len(same) <= _MOST_BOLD
        for c in same:
            band(
                axes, c.column("radius"), c.column(column), c.intervals(column), limits, role, strong=bold,
                markers=bold or len(c.rows) == 1,
            )  # fmt: skip
        if len(decays) > 1:
            ends.append((letter, same[0].column("radius")[-1], same[0].column(column)[-1], role))
        key.append(Key(role, letter if len(decays) > 1 else "", f"λ = {show(decay)}, {counted(len(same), 'ray')}"))
    letters(axes, ends, limits)
    return tuple(key)


def _described(see: str, failed: str, key: Sequence[Key]) -> str:
    return " ".join([see, failed, *(f"{k.letter}: {k.text}" if k.letter else k.text for k in key)])
