"""A campaign whose units misbehave on order, and leave a trace of having been computed.

The coordinator hands workers a function by its name. Here it is given `compute` of this file instead of the worker's, so that
nothing in the package knows of these tests. Orders come in a file that is named in the environment, which every worker inherits.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

from villani_verify.runs import worker
from villani_verify.runs.unit import digest

ORDERS = "VILLANI_TEST_ORDERS"


def compute(task: worker.Task) -> worker.Answer:
    """Do what is ordered for this unit, then compute it; write "begun" and "ended" with its number to the trace.

    Orders: `seconds` that each unit takes; `cheap`, for values that need no torch and so no second to start; and for the number of
    a unit what goes wrong in it.
    """
    file = Path(os.environ[ORDERS])
    orders = json.loads(file.read_text(encoding="utf-8"))
    note(file, "begun", task.number)
    time.sleep(orders.get("seconds", 0))
    what = orders.get(str(task.number))
    match what:
        case "die":
            os._exit(7)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(600)
        case "wait":
            while str(task.number) in json.loads(file.read_text(encoding="utf-8")):
                time.sleep(0.01)
            what = None
    if what is None and orders.get("cheap"):
        value = {"loss": None, "tensors": {}, "engine": "exact", "dtype": "float64", "samples": [None], "draw": digest(task.unit)}
        answer = worker.Answer(task.number, value, None, False, 0.0, str(os.getpid()))
    else:
        answer = disobedient(task, what) if what else worker.compute(task)
    note(file, "ended", task.number)
    return answer


def disobedient(task: worker.Task, what: str) -> worker.Answer:
    """Compute a unit as if its landscape, which a user may have written, misbehaved."""
    from villani_verify.runs.kinds import KINDS

    def misbehave(*_: Any) -> object:
        match what:
            case "raise":
                raise ZeroDivisionError("by order")
            case "exit":
                sys.exit(7)
            case "strange":
                return object()
            case "infinite":
                return {"value": float("inf")}
            case "surrogate":
                raise ValueError("\udcff")
        raise AssertionError(f"no such order: {what}")

    with mock.patch.dict(KINDS, dict.fromkeys(KINDS, misbehave)):
        return worker.compute(task)


def note(file: Path, event: str, number: int) -> None:
    """Append a line in one write, which no death can tear."""
    descriptor = os.open(trace_of(file), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{event} {number} {os.getpid()}\n".encode())
    finally:
        os.close(descriptor)


def trace_of(file: Path) -> Path:
    """Return where the trace of these orders is."""
    return file.with_suffix(".trace")


def main(arguments: list[str]) -> int:
    """Run the command line with this function in the worker's place."""
    # By its name in a package: what is defined in a script is another thing in each process.
    from tests.runs.faults import faulty
    from villani_verify.cli import main as command_line
    from villani_verify.runs import coordinator

    coordinator.compute = faulty.compute
    return command_line(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
