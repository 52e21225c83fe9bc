"""What a campaign tells about itself while it runs: a log of JSON lines, and a summary file that is always whole."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from villani_verify.files import write_whole
from villani_verify.runs.store import Counts

LOG, SUMMARY = "log.jsonl", "summary.json"
_EVERY = 2.0


class Live:
    """Writes both files into a campaign's directory. That they cannot be written does not stop the work: the store decides that."""

    def __init__(self, directory: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._summary = directory / LOG, directory / SUMMARY
        self._clock = clock
        self._last = -float("inf")

    def log(self, event: str, **details: Any) -> None:
        """Append a line with the time of day; no number depends on that clock."""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"time": when, "process": os.getpid(), "event": event, **details}, ensure_ascii=False)
        with contextlib.suppress(OSError), self._log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line + "\n")

    def summarise(
        self, before: Counts, computed: int, left: tuple[float, float] | None, *, failed: int = 0, at_once: bool = False
    ) -> None:
        """Write how far it is, every few seconds.

        Args:
            before: counts when this process began, or at its end.
            computed: units that it has finished.
            left: least and most seconds that are left; None while that is not known.
            failed: units that have failed since then.
            at_once: write it in any case, as the counts are the last ones.
        """
        now = self._clock()
        if not at_once and now - self._last < _EVERY:
            return
        self._last = now
        finished = before.finished if at_once else before.finished + computed
        summary = {
            "units": before.units, "finished": finished, "failed": before.failed + failed, "computed_by_this_process": computed,
            "seconds_left": None if left is None else [round(s, 1) for s in left], "process": os.getpid(), "running": not at_once,
        }  # fmt: skip
        with contextlib.suppress(OSError):
            write_whole(self._summary, json.dumps(summary, indent=2) + "\n")
