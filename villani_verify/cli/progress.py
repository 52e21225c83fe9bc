"""How far the work is, on standard error: a live line on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Progress = Callable[[str, int, int], None]
SECONDS_BETWEEN_LINES = 5.0


class PlainProgress:
    """Prints at most one line every few seconds, for log files and pipes."""

    def __init__(
        self, stream: TextIO, *, every: float = SECONDS_BETWEEN_LINES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._every = every
        self._clock = clock
        self._started = clock()
        self._last = float("-inf")

    def __call__(self, message: str, done: int, total: int) -> None:
        """Print that `done` of `total` steps are done, unless a line was printed a moment ago."""
        now = self._clock()
        if now - self._last < self._every:
            return
        self._last = now
        steps = f" {done}/{total}" if total > 0 else ""
        print(f"[{now - self._started:4.0f} s] {message}{steps}", file=self._stream, flush=True)


@contextmanager
def progress_display(stream: TextIO | None = None) -> Iterator[Progress]:
    """Yield a function of (what is being done, steps done, steps in all) that shows it; 0 in all where it is not known."""
    where = stream or sys.stderr
    if not where.isatty():
        yield PlainProgress(where)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Display

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Cleared at the end, so that the verdicts stand alone.
    with Display(*columns, console=Console(file=where), transient=True) as display:
        task = display.add_task("starting", total=None)

        def show(message: str, done: int, total: int) -> None:
            display.update(task, description=message, completed=done, total=total or None)

        yield show
