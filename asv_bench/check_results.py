"""Say what a run of asv measured, skipped and failed; exit with 1 if anything failed, or nothing was measured.

asv itself exits with 0 where no benchmark ran at all, and with 1 both for a regression and for a missing environment.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.results import Results, iter_results

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Count:
    """Combinations of one benchmark's parameters, by what became of them."""

    benchmark: str
    measured: int
    skipped: int
    failed: int


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each benchmark and the sums; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, help="asv's results (default: those that asv.conf.json names)")
    parser.add_argument("--machine", help="only its results; default all machines")
    parser.add_argument("--commit", help="full or short hash; default the newest that has results")
    options = parser.parse_args(arguments)
    config = Config.load(str(HERE / "asv.conf.json"))
    folder = options.results or HERE / config.results_dir
    if not folder.is_dir():
        print(f"check_results: error: {folder}: there are no results; run asv first", file=sys.stderr)
        return 2
    found = [r for r in iter_results(str(folder)) if options.machine in (None, r.params["machine"])]
    chosen = _of_commit(found, options.commit)
    if not chosen:
        print(f"check_results: error: {folder}: no results of {options.commit or 'any commit'}; run asv first", file=sys.stderr)
        return 2
    config.results_dir = str(folder)
    known = Benchmarks.load(config)
    counts = [count for results in chosen for count in counted(results, known)]
    for row in counts:
        print(f"{row.benchmark}: {row.measured} measured, {row.skipped} skipped, {row.failed} failed")
    measured, failed = sum(row.measured for row in counts), sum(row.failed for row in counts)
    absent = sorted(set(known) - {row.benchmark for row in counts if row.measured or row.skipped or row.failed})
    for name in absent:
        print(f"{name}: was not run")
    print(f"{measured} measured, {failed} failed, {len(absent)} benchmarks not run, commit {chosen[0].commit_hash[:8]}")
    return 0 if measured and not failed else 1


def _of_commit(found: Iterable[Results], commit: str | None) -> list[Results]:
    rows = sorted(found, key=lambda r: (r.date, max((v for v in r.started_at.values() if v), default=0)))
    wanted = commit or (rows[-1].commit_hash if rows else "")
    return [r for r in rows if r.commit_hash.startswith(wanted)]


def counted(results: Results, known: Any) -> Iterator[Count]:
    """Yield what became of the combinations of every benchmark in a results file."""
    for name in sorted(results.get_all_result_keys()):
        if name not in known:
            continue
        values = results.get_result_value(name, known[name]["params"])
        # None is a failure; NaN is a skip, or a combination that was not selected.
        measured = sum(v is not None and not math.isnan(v) for v in values)
        failed = sum(v is None for v in values)
        yield Count(name, measured, len(values) - measured - failed, failed)


if __name__ == "__main__":
    sys.exit(main())
