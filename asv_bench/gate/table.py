"""What a comparison shows, and what it keeps."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping
from typing import Any

from . import signed_rank
from .checkouts import SIDES, Checkout
from .comparison import Comparison, Finding

COMPARED = ("no regression", "regression")


def record(comparison: Comparison, sides: Mapping[str, Checkout]) -> dict[str, Any]:
    """Return everything as what JSON can hold."""
    rule = comparison.rule
    threads = os.environ.get("OMP_NUM_THREADS")
    pairs = zip(comparison.findings, comparison.verdicts, strict=True)
    return {
        "commits": {side: sides[side].commit for side in SIDES},
        "alpha": rule.alpha,
        "tolerance": rule.tolerance,
        "rounds": rule.rounds,
        "level_of_each": comparison.level,
        "alarm": comparison.alarm,
        "measured": comparison.measured,
        "machine": {"platform": platform.platform(), "python": platform.python_version(), "OMP_NUM_THREADS": threads},
        "benchmarks": [_row(found, verdict, comparison) for found, verdict in pairs],
    }


def shown(kept: Mapping[str, Any]) -> str:
    """Return the table of what `record` returns; alarms come last, where they are seen."""
    lines = [f"{'base':>10} {'head':>10}  ratio  interval     p        rounds  verdict"]
    rows = kept["benchmarks"]
    for verdict in COMPARED:
        lines += [_line(row) for row in rows if row["verdict"] == verdict]
    skipped = [" ".join(sorted(set(row["troubles"].values()))) for row in rows if row["verdict"] == "skipped"]
    lines += [f"skipped: {skipped.count(why)} benchmarks, {why}" for why in dict.fromkeys(skipped)]
    for verdict in ("not comparable", "broken"):
        failed = [row for row in rows if row["verdict"] == verdict]
        lines += [f"{verdict}: {row['name']}: {side}: {why}" for row in failed for side, why in row["troubles"].items()]
    lines.append(
        f"{kept['measured']} benchmarks compared: {'ALARM' if kept['alarm'] else 'no alarm'}. Only ratios above "
        f"{1 + kept['tolerance']:g} count, and equal commits raise an alarm in at most {kept['alpha']:.3g} of all comparisons."
    )
    return "\n".join(lines)


def _line(row: Mapping[str, Any]) -> str:
    base, head = (f"{row[side]:.4g}" for side in SIDES)
    interval = "–".join(f"{end:.3f}" for end in row["interval"]) if row["interval"] else ""
    p = "" if row["p"] is None else f"{row['p']:.1e}"
    return f"{base:>10} {head:>10}  {row['ratio']:.3f}  {interval:11}  {p:7}  {row['rounds']:6}  {row['verdict']:13}  {row['name']}"


def _row(found: Finding, verdict: str, comparison: Comparison) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": found.benchmark.name,
        "unit": found.benchmark.unit,
        "verdict": verdict,
        "troubles": {side: trouble.reason for side, trouble in found.troubles.items()},
        "rounds": len(found.rounds),
    }
    if found.rounds:
        row |= {side: statistics.median(v for r in found.rounds for v in getattr(r, side)) for side in SIDES}
        row |= {"ratio": signed_rank.ratio(found.log_ratios)} | _inference(found, comparison)
        row |= {"values": {side: [getattr(r, side) for r in found.rounds] for side in SIDES}}
    return row


def _inference(found: Finding, comparison: Comparison) -> dict[str, Any]:
    # Where it was stopped early, these numbers would claim a test that was not made.
    if len(found.rounds) < comparison.rule.rounds:
        return {"interval": None, "p": None}
    interval = signed_rank.interval(found.log_ratios, comparison.level)
    p = signed_rank.p_value(found.log_ratios, comparison.rule.tolerance, comparison.rule.rounds)
    return {"interval": interval, "p": p}
