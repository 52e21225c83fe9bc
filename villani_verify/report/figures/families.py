"""Measured families in the results object, as columns of numbers, and which of them deserve a colour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from villani_verify.report.numbers import number

Pair = tuple[float, float]


@dataclass(frozen=True)
class Columns:
    """A measured family.

    Attributes:
        label: short name.
        sentence: what it does to the parameters.
        radii: ‖θ‖.
        gradient: ‖∇F‖².
        laplacian: interval of ΔF, with the value between.
        critical: s*.
        critical_interval: its interval.
        refutes: whether it is the witness's family.
    """

    label: str
    sentence: str
    radii: tuple[float, ...]
    gradient: tuple[float, ...]
    laplacian: tuple[tuple[float, float, float], ...]
    critical: tuple[float, ...]
    critical_interval: tuple[Pair, ...]
    refutes: bool

    def psi(self, temperature: float) -> list[float]:
        """Return Ψ_s = ‖∇F‖²/s − ΔF at each point."""
        return [g / temperature - value for g, (_, value, _) in zip(self.gradient, self.laplacian, strict=True)]

    def psi_interval(self, temperature: float) -> list[Pair]:
        """Return its interval at each point: ‖∇F‖² is exact, so only ΔF widens it."""
        return [
            (g / temperature - high, g / temperature - low) for g, (low, _, high) in zip(self.gradient, self.laplacian, strict=True)
        ]


def families(results: Mapping[str, Any], criterion: str) -> list[Columns]:
    """Return the families a criterion measured at one point or more; none if it was not checked."""
    row = results["criteria"].get(criterion)
    if row is None:
        return []
    witness = row["witness"] or {}
    kept = [f for f in row["evidence"].get("families", []) if f["points"]]
    # The confirmed measurement of the refuting family replaces the first one.
    marked = any(f.get("refutes") for f in kept)
    same = [f for f in kept if f["family"] == witness.get("family")]
    if marked:
        kept = [f for f in kept if f.get("refutes") or f not in same]
    return [_columns(f, f in same) for f in kept]


def _columns(family: Mapping[str, Any], refutes: bool) -> Columns:
    points = sorted(family["points"], key=lambda p: number(p["radius"]))
    return Columns(
        label=str(family["label"]),
        sentence=str(family["sentence"]),
        radii=tuple(number(p["radius"]) for p in points),
        gradient=tuple(number(p["gradient_norm_squared"]) for p in points),
        laplacian=tuple(_triple(p["laplacian"]) for p in points),
        critical=tuple(number(p["critical_temperature"]["value"]) for p in points),
        critical_interval=tuple(_pair(p["critical_temperature"]["interval"]) for p in points),
        refutes=refutes,
    )


def _triple(laplacian: Mapping[str, Any]) -> tuple[float, float, float]:
    low, high = _pair(laplacian["interval"])
    return low, number(laplacian["value"]), high


def _pair(interval: Sequence[Any]) -> Pair:
    return number(interval[0]), number(interval[1])


def finite(values: Sequence[Pair]) -> list[float]:
    """Return the finite ends of intervals, for the limits of an axis."""
    return [v for pair in values for v in pair if math.isfinite(v)]
