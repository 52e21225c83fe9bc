"""Which benchmarks are compared: those of the head, chosen by name as with `asv run --bench`."""

from __future__ import annotations

import itertools
import json
import re
import tempfile
from typing import Any

from villani_verify.errors import RequestError, one_line

from .checkouts import Checkout
from .pairs import BENCHMARKS, Benchmark, start

ASV_TIMEOUT = 60.0
"""Seconds, where a benchmark names none."""


def selected(head: Checkout, pattern: str) -> list[Benchmark]:
    """Return the benchmarks, one for each set of parameters, whose printed name the pattern is found in.

    Args:
        head: whose benchmarks.
        pattern: a regular expression.

    Raises:
        RequestError: if it is none, or finds nothing, or the benchmarks cannot be listed.
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise RequestError(f"--bench {pattern!r}: {error}; give a regular expression") from error
    every = [benchmark for found in _listed(head) for benchmark in _with_parameters(found)]
    chosen = [benchmark for benchmark in every if wanted.search(benchmark.name)]
    if not chosen:
        example = f", such as {every[0].name}" if every else ""
        raise RequestError(
            f"--bench {pattern!r}: none of the {len(every)} benchmarks of {head.commit[:10]}{example}; choose others"
        )
    return chosen


def _listed(head: Checkout) -> list[dict[str, Any]]:
    folder = head.folder / BENCHMARKS
    if not folder.is_dir():
        raise RequestError(f"commit {head.commit[:10]}: it has no {BENCHMARKS}; compare with a newer commit")
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = start(head, folder, "", errors.fileno())
        listed, _ = process.communicate()
        if process.returncode:
            errors.seek(0)
            said = errors.read().strip().splitlines() or [f"exit status {process.returncode}"]
            raise RequestError(
                f"benchmarks of {head.commit[:10]}: {one_line(Exception(said[-1]))}; mend them, or install what they need"
            )
    return list(json.loads(listed))


def _with_parameters(found: dict[str, Any]) -> list[Benchmark]:
    name, unit, timeout = found["name"], found["unit"], found.get("timeout", ASV_TIMEOUT)
    if not found["params"]:
        return [Benchmark(name, name, unit, timeout)]
    # asv_runner takes the parameters' number in this order.
    sets = itertools.product(*found["params"])
    return [Benchmark(f"{name}-{i}", f"{name}({', '.join(values)})", unit, timeout) for i, values in enumerate(sets)]
