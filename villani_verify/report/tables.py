"""Tables of the report as headings and rows of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from villani_verify.report.numbers import number, show, show_interval
from villani_verify.report.words import TITLES, ordered


@dataclass(frozen=True)
class Table:
    """A table: every row has as many cells as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def witness_table(witness: Mapping[str, Any]) -> Table:
    """Return the points at which a refutation was measured; empty for a kind that is unknown here."""
    claimed = witness.get("claimed", [])
    kind = witness.get("kind")
    if kind == "bounded-family":
        return _bounded(witness, claimed)
    if kind == "slow-growth":
        return _slow(witness, claimed)
    if kind == "ray-kink":
        names = ("flaw", "order", "a", "b", "size")
        return Table(("flaw", "derivative", "between t =", "and t =", "size"), (tuple(_cell(witness.get(n)) for n in names),))
    return Table((), ())


def _slow(witness: Mapping[str, Any], claimed: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for r, p in zip(witness["parameters"], claimed, strict=False):
        radius, value = number(p["radius"]), number(p["value"])
        rows.append((show(r), show(radius), show(value, 6), show(value / radius**2 if radius else None)))
    return Table(("r", "‖θ‖", "F", "F/‖θ‖²"), tuple(rows))


def _bounded(witness: Mapping[str, Any], claimed: Sequence[Mapping[str, Any]]) -> Table:
    psi_at = f"Ψ at s = {show(witness['temperature'], 3)}"
    columns = ("r", "‖θ‖", "L", "‖∇F‖²", "ΔF", "s*", "interval of s*", psi_at, "interval of Ψ")
    rows = []
    for r, p in zip(witness["parameters"], claimed, strict=False):
        psi, critical = p["psi"][0], p["critical_temperature"]
        rows.append((
            show(r), show(p["radius"]), show(p["loss"]), show(p["gradient_norm_squared"]), show(p["laplacian"]["value"]),
            show(critical["value"]), _interval(critical["interval"]), show(psi["value"]), _interval(psi["interval"]),
        ))  # fmt: skip
    return Table(columns, tuple(rows))


def _interval(interval: Sequence[Any]) -> str:
    return "exact" if interval[0] == interval[1] else show_interval(interval, 3)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else show(value, 12)


def cost_table(rows: Mapping[str, Any]) -> Table:
    """Return what each criterion spent, and the sum."""
    fields = ("num_losses", "num_gradients", "num_matvecs", "num_jets", "seconds")
    columns = ("criterion", "losses", "gradients", "matvecs", "jets", "seconds")
    names = ordered(rows)
    body = [(TITLES[n], *(_count(rows[n]["cost"].get(f, 0)) for f in fields)) for n in names]
    total = ("together", *(_count(sum(rows[n]["cost"].get(f, 0) for n in names)) for f in fields))
    return Table(columns, (*body, total))


def _count(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return nested plain values as (name, text) pairs, one level of nesting joined into names."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        label = name.replace("_", " ")
        if isinstance(value, Mapping):
            rows.append((label, ", ".join(f"{k} {v}" for k, v in value.items()) or "–"))
        elif name.endswith("_bytes"):
            rows.append((label.removesuffix(" bytes"), f"{number(value) / 2**30:.1f} GiB"))
        else:
            rows.append((label, "–" if value is None else str(value)))
    return rows
