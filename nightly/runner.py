"""Runs the parts, each in processes of its own, and goes on where an earlier run was stopped."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from nightly.journal import Done, Record
from nightly.part import Part
from villani_verify.errors import one_line

ROOT = Path(__file__).resolve().parents[1]
GRACE = 10.0
"""Seconds that a part which takes too long has for ending itself."""


def run(parts: Sequence[Part], record: Record, folder: Path, *, say: Callable[[str], None]) -> Record:
    """Run the parts that have not passed yet and return the completed record.

    A part that fails does not stop the others. Its log is `logs/NAME.log` in the folder. `nightly.json` is rewritten after
    each part, so that whatever stops the run, the same call goes on with the part that was running.

    Args:
        parts: in the order in which they run.
        record: of what passed before.
        folder: of the run; exists.
        say: called with one line for each part.

    Raises:
        OutputError: if the record cannot be written.
    """
    record = replace(record, finished="")
    record.write(folder)
    (folder / "logs").mkdir(exist_ok=True)
    for part in parts:
        if record.passed(part.name):
            say(f"{part.name}: passed before")
            continue
        done = run_part(part, record, folder)
        record = record.with_part(done)
        if part is parts[-1]:
            record = replace(record, finished=now())
        record.write(folder)
        say(f"{part.name}: {done.status} in {done.seconds:.0f} s: {done.summary}")
    if not record.finished:
        record = replace(record, finished=now())
        record.write(folder)
    return record


def run_part(part: Part, record: Record, folder: Path) -> Done:
    """Run a part's commands until one fails or time is over."""
    started = time.monotonic()
    log = folder / "logs" / f"{part.name}.log"
    environment = os.environ | dict(part.environment)
    # Those of this checkout, also where another version is installed.
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH"))))
    for name in part.replaces:
        shutil.rmtree(folder / name, ignore_errors=True)
    problem = ""
    with log.open("w", encoding="utf-8") as file:
        for command in part.commands:
            left = started + 60 * part.minutes - time.monotonic()
            problem = _run_command([_filled(word, record, folder) for word in command], environment, file, left)
            if problem:
                break
    printed = log.read_text(encoding="utf-8", errors="replace")
    summary = ""
    if not problem:
        try:
            summary = part.summary(folder, printed)
        except (OSError, ValueError, LookupError, TypeError) as e:
            problem = f"its results cannot be read ({type(e).__name__}: {one_line(e, 120)})"
    summary = f"{problem}; {log}" if problem else summary
    return Done(part.name, "failed" if problem else "passed", round(time.monotonic() - started, 1), summary)


def _filled(word: str, record: Record, folder: Path) -> str:
    for name, value in (("out", str(folder)), ("machine", record.machine), ("python", sys.executable)):
        word = word.replace("{" + name + "}", value)
    return word


def _run_command(command: Sequence[str], environment: dict[str, str], log: IO[str], seconds: float) -> str:
    """Return what went wrong, or nothing."""
    name = " ".join(command[1:3]) if command[0] == sys.executable else command[0]
    log.write(f"$ {' '.join(command)}\n")
    log.flush()
    try:
        # A session of its own, so that its children end with it.
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as e:
        return f"{name} cannot be started ({e.strerror})"
    try:
        status = process.wait(timeout=max(0.0, seconds))
    except subprocess.TimeoutExpired:
        return f"{name} was stopped as the time of this part was over"
    finally:
        _end(process)
    return f"{name} ended with status {status}" if status else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        # Also where the process itself has ended: a child of it may not have.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE)
            if number == signal.SIGTERM and process.returncode is not None and not _group_lives(process.pid):
                return


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def now() -> str:
    """Return the time, UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
