"""One round: a benchmark in two fresh processes, one for each commit, which take turns."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from villani_verify.errors import one_line

from .checkouts import SIDES, Checkout

WORKER = Path(__file__).with_name("worker.py")
BENCHMARKS = Path("asv_bench", "benchmarks")
TURNS = 8
"""Pairs of timed calls in a round: base head, head base, … or the other way round."""
PATIENCE = 60.0
"""Seconds after which no further pair begins."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark with its parameters.

    Attributes:
        identity: how asv_runner finds it.
        name: how asv prints it.
        unit: of its value.
        timeout: seconds that one call may take.
    """

    identity: str
    name: str
    unit: str
    timeout: float

    @property
    def timed(self) -> bool:
        """Whether the value is a time: the first call is then warm-up, and others follow."""
        return self.unit == "seconds"


@dataclass(frozen=True)
class Trouble:
    """Why there is no value: `kind` is "skipped" or "failed"."""

    kind: str
    reason: str


@dataclass(frozen=True)
class Round:
    """The values of both sides, in the order measured; those with the same index were measured next to each other."""

    base: tuple[float, ...]
    head: tuple[float, ...]

    @property
    def log_ratio(self) -> float:
        """The median of log(head / base) over neighbours: noise that both share cancels, and a spike in one counts little."""
        return statistics.median(math.log(h / b) for b, h in zip(self.base, self.head, strict=True))


class Worker:
    """A child process that runs one benchmark on one checkout; a context, at whose end it is stopped."""

    def __init__(self, checkout: Checkout, benchmarks: Path, benchmark: Benchmark) -> None:
        self._timeout = benchmark.timeout
        self._late = False
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  closed in __exit__
        self._process = start(checkout, benchmarks, benchmark.identity, self._errors.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._kill()
        self._process.communicate()
        self._errors.close()

    def ask(self) -> None:
        """Have the benchmark run once."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # `answer` says why

    def answer(self) -> float | Trouble:
        """Wait for the value that was asked for."""
        assert self._process.stdout is not None
        timer = threading.Timer(self._timeout, self._expire)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            return Trouble("failed", f"no answer within {self._timeout:g} s" if self._late else self._last_words())
        ((kind, found),) = json.loads(line).items()
        return float(found) if kind == "value" else Trouble(kind, one_line(Exception(found)))

    def _expire(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        if self._process.poll() is None:
            # A benchmark may have processes of its own.
            os.killpg(self._process.pid, signal.SIGKILL)

    def _last_words(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return f"exit status {status}" + (f": {one_line(Exception(lines[-1]))}" if lines else "")


def start(checkout: Checkout, benchmarks: Path, identity: str, errors: int) -> subprocess.Popen[str]:
    """Start a worker with the package of that checkout."""
    return subprocess.Popen(
        # -P: without the folder of the script, or the current one, on the path.
        [sys.executable, "-P", str(WORKER), str(checkout.folder), str(benchmarks), identity],
        # Hash seeds are part of a process's luck, and tox fixes them.
        env=os.environ | {"PYTHONPATH": str(checkout.folder), "PYTHONHASHSEED": "random"},
        cwd=checkout.folder,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        text=True, encoding="utf-8", start_new_session=True,
    )  # fmt: skip


def measure(benchmark: Benchmark, sides: Mapping[str, Checkout], draw: random.Random) -> Round | dict[str, Trouble]:
    """Measure one round.

    Which side begins is drawn, so that if the commits do not differ, the log ratio has either sign with the same probability,
    whatever else the machine does. Neighbours come in alternating order, so that a steady drift cancels.

    Args:
        benchmark: what to run. It is that of the head on both sides.
        sides: a checkout for each of `SIDES`.
        draw: decides which side begins.

    Returns:
        The values, or what went wrong, by side.
    """
    order = draw.sample(SIDES, 2)
    values: dict[str, list[float]] = {side: [] for side in SIDES}
    with ExitStack() as stack:
        folder = sides["head"].folder / BENCHMARKS
        workers = {side: stack.enter_context(Worker(sides[side], folder, benchmark)) for side in order}
        if benchmark.timed:
            for side in order:
                workers[side].ask()
            warm = {side: workers[side].answer() for side in order}
            if troubles := _troubles(warm):
                return troubles
        begun = time.monotonic()
        for _ in range(TURNS if benchmark.timed else 1):
            found: dict[str, float | Trouble] = {}
            for side in order:
                workers[side].ask()
                found[side] = workers[side].answer()
            if troubles := _troubles(found):
                return troubles
            for side, value in found.items():
                assert isinstance(value, float)
                values[side].append(value)
            order.reverse()
            if time.monotonic() - begun > PATIENCE:
                break
    return Round(tuple(values["base"]), tuple(values["head"]))


def _troubles(found: Mapping[str, float | Trouble]) -> dict[str, Trouble]:
    return {side: value for side, value in found.items() if isinstance(value, Trouble)}
