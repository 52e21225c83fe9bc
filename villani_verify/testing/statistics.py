"""Statistics of properties: how many examples, which events, how near to failing; collected during a run and written as JSON.

Hypothesis prints those of test functions that it decorates. Claims (`claims.check_claim`) and state machines run inside plain
functions, of which it prints nothing; here both are collected. Its dictionary of statistics is no stable interface, and
`PropertyRun.of` is the only place that reads it.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis.statistics import collector, describe_statistics

from villani_verify.errors import RequestError
from villani_verify.files import write_whole

SCHEMA_VERSION = 1
_LONGEST_EVENT = 120


@dataclass(frozen=True)
class PropertyRun:
    """What one property did.

    Attributes:
        examples: test cases that were run to their end, failing ones included, shrinking not.
        invalid: test cases that were given up, by `assume` or by a draw that cannot succeed.
        failing: examples that failed, shrinking not included.
        shrinks: test cases that shrinking tried.
        seconds: time in all test cases, shrinking included.
        seconds_per_example: mean over `examples`; None if there is none.
        events: event → percentage of `examples` and `invalid` together, the most frequent first.
        best_targets: label → the largest value.
        stopped_because: Hypothesis' reason.
    """

    examples: int
    invalid: int
    failing: int
    shrinks: int
    seconds: float
    seconds_per_example: float | None
    events: Mapping[str, float]
    best_targets: Mapping[str, float]
    stopped_because: str

    @classmethod
    def of(cls, statistics: Mapping[str, Any]) -> PropertyRun:
        """Return the numbers of Hypothesis' dictionary of statistics."""
        searched = [case for phase in ("reuse", "generate") for case in _cases(statistics, phase)]
        shrunk = _cases(statistics, "shrink")
        completed = [case for case in searched if case["status"] in ("valid", "interesting")]
        # Hypothesis has events of its own, some with the text of a whole strategy.
        counted = Counter(_shortened(event) for case in searched for event in case["events"])
        events = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
        seconds = math.fsum(case["runtime"] for case in completed)
        return cls(
            examples=len(completed),
            invalid=len(searched) - len(completed),
            failing=sum(case["status"] == "interesting" for case in completed),
            shrinks=len(shrunk),
            seconds=math.fsum(case["runtime"] for case in (*searched, *shrunk)),
            seconds_per_example=seconds / len(completed) if completed else None,
            events={event: round(100 * count / len(searched), 2) for event, count in events},
            best_targets=dict(statistics.get("targets", {})),
            stopped_because=str(statistics.get("stopped-because", "")),
        )


@contextmanager
def collecting(keep: Callable[[PropertyRun], None], show: Callable[[str], None]) -> Generator[None, None, None]:
    """Collect the statistics of properties that run inside.

    Args:
        keep: is given those of each property.
        show: is given Hypothesis' own description of those that it would not print itself.
    """
    hypothesis_own = collector.value

    def note(statistics: dict[str, Any]) -> None:
        keep(PropertyRun.of(statistics))
        if hypothesis_own is not None:
            hypothesis_own(statistics)
        else:
            show(describe_statistics(statistics))  # type: ignore[arg-type]

    with collector.with_value(note):  # type: ignore[arg-type]
        yield


def check_writable(path: Path) -> None:
    """Raise RequestError if no file can be written there."""
    if path.is_dir():
        raise RequestError(f"--villani-statistics {path}: it is a directory; give a file, such as {path / 'statistics.json'}")
    if not path.absolute().parent.is_dir():
        raise RequestError(f"--villani-statistics {path}: directory {path.parent} does not exist; make it first")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise RequestError(f"--villani-statistics {path}: it cannot be written; mend the permissions or give another file")


def write_statistics(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what the properties did as indented JSON.

    Args:
        path: of the file.
        rows: one for each property, as `row` makes them.
    """
    ordered = sorted(rows, key=lambda one: one["property"])
    whole = {"schema_version": SCHEMA_VERSION, "profile": settings.get_current_profile_name(), "properties": ordered}
    write_whole(path, json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def row(name: str, outcome: str, run: PropertyRun) -> dict[str, Any]:
    """Return one entry of the file.

    Args:
        name: pytest's, with the landscape in brackets.
        outcome: "passed", "failed" or "skipped".
        run: its statistics.
    """
    return {"property": name, "outcome": outcome, **asdict(run)}


def _cases(statistics: Mapping[str, Any], phase: str) -> list[Any]:
    return list(statistics.get(f"{phase}-phase", {}).get("test-cases", []))


def _shortened(event: str) -> str:
    return event if len(event) <= _LONGEST_EVENT else event[: _LONGEST_EVENT - 1] + "…"
