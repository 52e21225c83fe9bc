"""F/‖θ‖² against radius along the rays of the quadratic-growth criterion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from villani_verify.report.figures.axes import band, guide, letters, log_axis
from villani_verify.report.figures.canvas import HUES, Drawn, Key, canvas, finish
from villani_verify.report.numbers import counted, number, show

GROWTH = "quadratic_growth"
Profiles = Sequence[tuple[Mapping[str, Any], list[float], list[float]]]


def draw_growth(results: Mapping[str, Any]) -> Drawn | None:
    """Draw F/‖θ‖² with the level min λ/2 that the decay guarantees."""
    rows = profiles(results, GROWTH)
    if not rows:
        return None
    floor = number(results["criteria"][GROWTH]["evidence"].get("smallest_half_decay", 0))
    curves = [(p, r, [v / x**2 for x, v in zip(r, values, strict=True)]) for p, r, values in rows]
    title = "Quadratic growth: F/‖θ‖² against radius"
    refuted = results["criteria"][GROWTH]["status"] == "refuted"
    with canvas() as (figure, axes):
        log_axis(axes, "x", [x for _, r, _ in curves for x in r])
        limits = log_axis(axes, "y", [v for *_, values in curves for v in values] + [floor])
        key = draw_profiles(axes, curves, limits)
        if floor > 0:
            guide(axes, axes.get_xlim(), [floor, floor], label=f"smallest λ/2 = {show(floor)}")
            axes.legend(loc="best")
        axes.set_xlabel("radius ‖θ‖")
        axes.set_ylabel("F/‖θ‖²")
        see = "Every curve must stay above some positive level for good: then F ≥ a‖θ‖² − b with that level as a. "
        see += (
            "As the loss is never negative, weight decay on every tensor alone guarantees the dashed level."
            if floor > 0
            else "Some tensors have no weight decay, so nothing guarantees such a level: along them only the loss itself can grow."
        )
        failed = (
            "Here it fails: a coloured curve keeps falling towards zero, F grows more slowly than ‖θ‖²."
            if refuted and key
            else "Here it fails: a curve keeps falling."
            if refuted
            else "A curve would keep falling to the right end."
        )
        described = " ".join([see, failed, *(f"{k.letter}: {k.text}" for k in key)])
        return Drawn("growth", title, finish(figure, "growth", title, described), see, failed, key)


def profiles(results: Mapping[str, Any], criterion: str) -> list[tuple[Mapping[str, Any], list[float], list[float]]]:
    """Return (profile, radii, values of F) for each profile of a criterion with at least two points away from the origin."""
    row = results["criteria"].get(criterion)
    found = [] if row is None else [p for p in row["evidence"].get("profiles", []) if p["radius"]]
    if not found:
        return []
    # A ray against the gradient may pass through the origin; points much nearer to it than where profiles start say nothing.
    near = 0.1 * median(number(p["radius"][0]) for p in found)
    rows = []
    for p in found:
        pairs = [(number(r), number(v)) for r, v in zip(p["radius"], p["value"], strict=True)]
        kept = [(r, v) for r, v in pairs if r > near]
        if len(kept) >= 2:
            rows.append((p, [r for r, _ in kept], [v for _, v in kept]))
    return rows


def draw_profiles(axes: Any, curves: Profiles, limits: tuple[float, float]) -> tuple[Key, ...]:
    """Draw profiles: decayed rays in grey, undecayed ones, the suspects, in colour with letters; return the key."""
    undecayed = [c for c in curves if not c[0]["decayed"]]
    coloured = sorted(undecayed, key=_exponent)[: len(HUES)]
    key: list[Key] = []
    for profile, radii, values in curves:
        spans = [(v, v) for v in values]
        place = next((i for i, c in enumerate(coloured) if c[0] is profile), None)
        if place is None:
            band(axes, radii, values, spans, limits, "ray", strong=False, markers=False)
            continue
        band(axes, radii, values, spans, limits, HUES[place], markers=False)
    letters(axes, [("ABCDEF"[i], r[-1], v[-1], HUES[i]) for i, (_, r, v) in enumerate(coloured)], limits)
    for i, (profile, *_) in enumerate(coloured):
        exponent = "" if profile["exponent"] is None else f": F grows like ‖θ‖^{number(profile['exponent']) + 0.0:.2f}"
        key.append(Key(HUES[i], "ABCDEF"[i], f"{profile['family']} (no decay along it){exponent}"))
    if len(curves) > len(coloured):
        key.append(Key("ray", "", counted(len(curves) - len(coloured), "other ray" if key else "ray")))
    return tuple(key)


def _exponent(curve: tuple[Mapping[str, Any], list[float], list[float]]) -> float:
    exponent = curve[0]["exponent"]
    return 0.0 if exponent is None else number(exponent)
