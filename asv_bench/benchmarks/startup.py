"""What everybody waits for: the import, the command's start, the page of a report."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from .cases import SEED, load
from .child import run
from .clock import median_seconds

REPEATS = 5
COMMANDS = {
    "import": ("-c", "import villani_verify"),
    "import verify": ("-c", "from villani_verify import Landscape, verify, psi"),
    "help": ("-m", "villani_verify.cli", "--help"),
    "zoo": ("-m", "villani_verify.cli", "zoo"),
}


class Start:
    """Fresh processes, the interpreter's own start included; files have been read once before."""

    timeout = 300.0
    params = (list(COMMANDS),)
    param_names = ("command",)

    def track_seconds(self, command: str) -> float:
        """Return the median time of the process."""
        call = COMMANDS[command]
        run(*call)
        return median_seconds(lambda: run(*call), "cpu", repeats=REPEATS)

    track_seconds.unit = "seconds"


class Report:
    """The page with its figures, from finished results."""

    timeout = 300.0
    params = (["double-well", "gpt-neo-tiny"],)
    param_names = ("landscape",)

    def track_seconds(self, landscape: str) -> float:
        """Return the median time of writing it, after one that fills matplotlib's caches."""
        results = self._results(landscape)
        self._write(results)
        return median_seconds(lambda: self._write(results), "cpu", repeats=REPEATS)

    track_seconds.unit = "seconds"

    def track_bytes(self, landscape: str) -> int:
        """Return the size of the page."""
        return self._write(self._results(landscape))

    track_bytes.unit = "bytes"

    @staticmethod
    def _results(landscape: str) -> dict:
        from villani_verify import verify

        # As read from a results file.
        return json.loads(json.dumps(verify(load(landscape, "cpu"), seed=SEED).as_dict()))

    @staticmethod
    def _write(results: dict) -> int:
        from villani_verify.report.render import write_report

        with tempfile.TemporaryDirectory() as scratch:
            return write_report(results, Path(scratch) / "report").stat().st_size
