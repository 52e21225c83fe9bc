"""What campaigns cost besides their units: the overhead of one unit, opening a large store, and how well two workers are used."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .clock import seconds_of

UNITS = {"local": 3000, "processes:2": 1000, "dask": 1000}
"""Executor → units of a measurement. "dask" is a cluster of two workers of one thread, on this machine."""
BUSY_UNITS, BUSY_SECONDS = 120, 0.2
LARGE = 200_000


class Overhead:
    """Units that cost nothing: the time for each is what a campaign adds to it."""

    params = (list(UNITS),)
    param_names = ("executor",)
    timeout = 600.0

    def track_seconds(self, executor: str) -> float:
        """Return the seconds a unit, after some that start the workers."""
        with pool(executor) as opened:
            campaign(opened, 20)
            return campaign(opened, UNITS[executor]) / UNITS[executor]

    track_seconds.unit = "seconds"


class Sharing:
    """Two workers on units of a fifth of a second."""

    params = (["processes:2", "dask"],)
    param_names = ("executor",)
    timeout = 600.0

    def track_waiting(self, executor: str) -> float:
        """Return the share of the workers' time in which they had no unit: 0 would be perfect."""
        with pool(executor) as opened:
            campaign(opened, 20)
            seconds = campaign(opened, BUSY_UNITS, BUSY_SECONDS)
        return 1 - BUSY_UNITS * BUSY_SECONDS / (2 * seconds)

    track_waiting.unit = "share"


class Store:
    """A store of many units, half of them finished."""

    params = ([LARGE],)
    param_names = ("units",)
    timeout = 600.0

    def track_seconds_to_resume(self, units: int) -> float:
        """Return the seconds to open it, check every checksum, and find what is pending."""
        from villani_verify.runs.store import FILE, Result
        from villani_verify.runs.store import Store as Opened

        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / FILE
            with Opened.create(path, {"type": "benchmark"}, trivial(units)) as store:
                for number in range(0, units, 2):
                    store.record(Result(number, store.unit(number), number**2, 0.1, "here"))
            return seconds_of(lambda: self._resume(path, units), "cpu")

    track_seconds_to_resume.unit = "seconds"

    @staticmethod
    def _resume(path: Path, units: int) -> None:
        from villani_verify.runs.store import Store as Opened

        with Opened.open(path) as store:
            store.check()
            assert len(store.pending()) == store.counts().pending == units // 2


def trivial(count: int, seconds: float = 0.0) -> Iterator[Any]:
    """Iterate over units that do nothing, each for so many seconds."""
    from villani_verify.runs.unit import Unit

    return (Unit("trivial", "", {"number": i, "seconds": seconds}) for i in range(count))


def campaign(opened: Any, count: int, seconds: float = 0.0) -> float:
    """Return the seconds that a campaign of such units takes in an open pool, without the making of its store.

    Raises:
        AssertionError: if a result is missing or wrong: then the time means nothing.
    """
    from villani_verify.runs.coordinator import Computing, run
    from villani_verify.runs.live import Live
    from villani_verify.runs.store import FILE
    from villani_verify.runs.store import Store as Opened

    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with Opened.create(directory / FILE, {"type": "benchmark"}, trivial(count, seconds)) as store:
            live = Live(directory)
            taken = seconds_of(lambda: run(store, opened, Computing(), live=live, show=lambda message, done, total: None), "cpu")
            assert [r.value for r in store.results()] == [i**2 for i in range(count)]
    return taken


@contextlib.contextmanager
def pool(executor: str) -> Iterator[Any]:
    """Open an executor; "dask" with a cluster of its own."""
    from villani_verify.runs.executors import pool_of

    with contextlib.ExitStack() as stack:
        if executor == "dask":
            from distributed import LocalCluster

            cluster = stack.enter_context(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
            executor = f"dask:{cluster.scheduler_address}"
        opened = pool_of(executor)
        stack.callback(opened.close)
        yield opened
