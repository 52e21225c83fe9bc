"""Child process: lists the benchmarks of a folder, or runs one of them as often as it is asked to.

It is started by its path and imports nothing of the gate, so that the package it finds is the one on PYTHONPATH.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from asv_runner.benchmarks.mark import SkipNotImplemented
from asv_runner.discovery import get_benchmark_from_name, list_benchmarks

PACKAGE = "villani_verify"


def main(checkout: str, benchmarks: str, identity: str) -> None:
    """Answer on standard output, one line of JSON each: all benchmarks if no identity is given, else a value for each line read."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    # What a benchmark prints must not look like an answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if not identity:
        list_benchmarks(benchmarks, answers)
        answers.close()
        return
    benchmark = get_benchmark_from_name(benchmarks, identity)
    refuse_other_packages(Path(checkout))
    benchmark.set_cache(benchmark.do_setup_cache())
    for _ in sys.stdin:
        answers.write(json.dumps(answer(benchmark)) + "\n")
        answers.flush()


def refuse_other_packages(checkout: Path) -> None:
    """Exit unless the package, where a benchmark has imported it, is that of the checkout."""
    imported = sys.modules.get(PACKAGE)
    if imported is not None and not Path(str(imported.__file__)).resolve().is_relative_to(checkout.resolve()):
        sys.exit(f"{imported.__file__} was imported instead of the package in {checkout}")


def answer(benchmark: Any) -> dict[str, float | str]:
    """Run once, and return {"value": …}, {"skipped": reason} or {"failed": reason}."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            skipped = benchmark.do_setup()
        if skipped:
            return {"skipped": said.getvalue().strip().removeprefix("asv: skipped: ") or "listed in skip_params"}
        try:
            result = benchmark.do_run()
        finally:
            benchmark.do_teardown()
    except SkipNotImplemented as reason:
        return {"skipped": repr(reason)}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}
    # Where asv times, it returns its samples; a `track_` benchmark returns one number.
    value = float(statistics.median(result["samples"]) if isinstance(result, dict) else result)
    # The ratio of two values is wanted.
    return {"value": value} if 0 < value < float("inf") else {"failed": f"{value} is not a positive number"}


if __name__ == "__main__":
    main(*sys.argv[1:])
