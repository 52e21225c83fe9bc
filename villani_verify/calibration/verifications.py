"""Verifying landscapes whose verdicts are known, for many seeds: false alarms on true claims, and power on false ones."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from villani_verify.criteria.result import Status
from villani_verify.estimation.proportion import clopper_pearson, upper_bound
from villani_verify.landscape import Landscape
from villani_verify.landscapes.zoo import ZOO, ZooEntry
from villani_verify.verification import verify

BUDGET = "quick"
HEAVY = ("gpt-neo-125m",)
"""Landscapes that take memory and minutes: left out unless they are named."""
LEVEL = 0.95

Line = Mapping[str, Any]
"""One verification: landscape, seed, budget, seconds, and rows {criterion: {status, expected}}."""


def is_true(entry: ZooEntry) -> bool:
    """Say whether all five claims hold of a landscape; the others are controls, of which at least one must be refuted."""
    return set(entry.expected.values()) == {"supported"}


def plan(entries: Sequence[ZooEntry], *, verifications: int, control_seeds: int, first_seed: int) -> Iterator[tuple[ZooEntry, int]]:
    """Yield what to verify, seed by seed, so that a run that was stopped has every landscape equally often.

    Args:
        entries: true landscapes and controls.
        verifications: of true landscapes, all together.
        control_seeds: for each control.
        first_seed: the others follow it.
    """
    true = [e for e in entries if is_true(e)]
    controls = [e for e in entries if not is_true(e)]
    of_true = islice(((e, first_seed + k) for k in range(verifications) for e in true), verifications if true else 0)
    of_controls = ((e, first_seed + k) for k in range(control_seeds) for e in controls)
    yield from sorted([*of_true, *of_controls], key=lambda pair: pair[1])


@cache
def _landscape(name: str) -> Landscape:
    """Return a landscape of the zoo; made once, as exporting its loss takes longer than some criteria."""
    return ZOO[name].make()


def verify_one(entry: ZooEntry, seed: int) -> dict[str, Any]:
    """Verify a landscape within the quick budget, and return the line that is kept."""
    started = time.perf_counter()
    verification = verify(_landscape(entry.name), budget=BUDGET, seed=seed)
    return {
        "landscape": entry.name,
        "seed": seed,
        "budget": BUDGET,
        "version": verification.environment["packages"].get("villani-verify"),
        "seconds": time.perf_counter() - started,
        "rows": {r.name: {"status": str(r.status), "expected": entry.expected[r.name]} for r in verification.results},
    }


def false_refutations(lines: Sequence[Line]) -> dict[str, Any] | None:
    """Count claims that hold and were refuted, or return None if nothing was verified.

    The bound is on the probability that the verification of a true landscape refutes anything; at zero of n it is the rule of
    three, 3/n. Rows that hold of controls are counted beside it.
    """
    if not lines:
        return None
    true = [line for line in lines if is_true(ZOO[line["landscape"]])]
    alarms = [
        {"landscape": line["landscape"], "seed": line["seed"], "criterion": name}
        for line in lines
        for name, row in line["rows"].items()
        if (row["expected"], row["status"]) == ("supported", Status.REFUTED)
    ]
    alarmed = {(a["landscape"], a["seed"]) for a in alarms}
    count = sum((line["landscape"], line["seed"]) in alarmed for line in true)
    rows = [row for line in lines for row in line["rows"].values() if row["expected"] == "supported"]
    return {
        "verifications": len(true),
        "landscapes": len({line["landscape"] for line in true}),
        "with_false_refutation": count,
        "upper_bound": upper_bound(count, len(true), LEVEL) if true else None,
        "rows": len(rows),
        "rows_refuted": len(alarms),
        "rows_upper_bound": upper_bound(len(alarms), len(rows), LEVEL),
        "rows_undecided": sum(row["status"] != Status.SUPPORTED for row in rows) - len(alarms),
        "level": LEVEL,
        "found": alarms,
    }


def power(lines: Iterable[Line]) -> dict[str, Any] | None:
    """Count how often claims that fail were refuted, for each landscape and criterion; None if there were none."""
    counts: dict[tuple[str, str], list[bool]] = {}
    for line in lines:
        for name, row in line["rows"].items():
            if row["expected"] == "refuted":
                counts.setdefault((line["landscape"], name), []).append(row["status"] == Status.REFUTED)
    if not counts:
        return None
    rows = [
        {
            "landscape": landscape,
            "criterion": criterion,
            "verifications": len(found),
            "refuted": sum(found),
            "interval": list(clopper_pearson(sum(found), len(found), LEVEL)),
        }
        for (landscape, criterion), found in sorted(counts.items())
    ]
    return {
        "claims": len(rows),
        "verifications": sum(len(found) for found in counts.values()),
        "refuted": sum(sum(found) for found in counts.values()),
        "rows": rows,
    }
