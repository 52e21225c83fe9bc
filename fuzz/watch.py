"""Starts the process of a target, and again after it has died, until the time is over."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

_STUCK = 40.0  # seconds without a new input, after which a process that its own timer cannot interrupt is killed
_START = 120.0


@dataclass(frozen=True)
class Outcome:
    """What was seen of a target.

    Attributes:
        executions: inputs that were read.
        findings: files with a traceback each; the input lies beside it, as .bin.
        peak_bytes: memory above that of the process after its seeds.
        seconds: wall-clock time.
    """

    executions: int
    findings: tuple[Path, ...]
    peak_bytes: int
    seconds: float


def watch(name: str, *, seconds: float, seed: int, directory: Path) -> Outcome:
    """Run a target for a time.

    Args:
        name: of the target.
        seconds: in all.
        seed: of the mutations.
        directory: for findings; made if it is missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name_of_old in ("stats.json", "finished", "current"):
        (directory / name_of_old).unlink(missing_ok=True)
    # Inputs of earlier findings are read again first, and are findings only if they still are.
    (directory / "earlier").mkdir(exist_ok=True)
    for old in directory.glob("finding-*.*"):
        if old.suffix == ".bin":
            old.replace(directory / "earlier" / f"{zlib.crc32(old.read_bytes()):08x}.bin")
        else:
            old.unlink()
    executions = peak = 0
    started = time.monotonic()
    while (left := seconds - (time.monotonic() - started)) > 1:
        seed += 1
        died = _one(name, left, seed, directory)
        if (directory / "stats.json").exists():
            stats = json.loads((directory / "stats.json").read_text())
            executions, peak = executions + stats["executions"], max(peak, stats["peak_bytes"])
            (directory / "stats.json").unlink()
        if died is None:
            break
        if not (directory / "current").exists():
            raise SystemExit(f"fuzz {name}: it does not start; see {directory / 'log'}")
        _keep(directory, died)
    return Outcome(executions, tuple(sorted(directory.glob("finding-*.txt"))), peak, time.monotonic() - started)


def _one(name: str, seconds: float, seed: int, directory: Path) -> str | None:
    """Run one process; return why it died before its time, or None."""
    command = [sys.executable, "-m", "fuzz.child", name, str(seconds), str(seed), str(directory)]
    with (directory / "log").open("ab") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    began = time.time()
    while child.poll() is None:
        time.sleep(0.5)
        current = directory / "current"
        last = current.stat().st_mtime if current.exists() else 0.0
        if time.time() - max(last, began) > (_STUCK if last > began else _START):
            child.kill()
            child.wait()
            return f"killed: no new input for {_STUCK:.0f} s"
    if (directory / "finished").exists():
        return None
    return f"died: exit status {child.returncode}"


def _keep(directory: Path, why: str) -> None:
    number = 1 + len(list(directory.glob("finding-*.txt")))
    (directory / f"finding-{number}.txt").write_text(f"{why}, input {number}\n", encoding="utf-8")
    (directory / f"finding-{number}.bin").write_bytes((directory / "current").read_bytes())
