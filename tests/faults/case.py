"""A bad input or a fault, provoked in an empty directory, and what the user sees of it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from villani_verify import __version__
from villani_verify.cli import main

Prepare = Callable[[Path], None]


def nothing(place: Path) -> None:
    """Leave the directory empty."""


@dataclass(frozen=True)
class Case:
    """One way to go wrong.

    Attributes:
        what: was done, in plain words.
        arguments: of villani-verify.
        prepare: makes what the command finds in its directory.
        during: what holds while it runs.
        status: with which it ends.
        foreign: pattern of what a library or the system words, which differs between versions.
        leaves: whether something is kept, so that the user can go on.
    """

    what: str
    arguments: tuple[str, ...]
    prepare: Prepare = nothing
    during: Callable[[], AbstractContextManager[object]] = nullcontext
    status: int = 2
    foreign: str = ""
    leaves: bool = False


@dataclass(frozen=True)
class Seen:
    """What a user sees.

    Attributes:
        status: of the exit.
        out: standard output.
        line: of standard error, without what progress writes and with names for what differs from run to run.
        lines: how many there were.
        changed: names of files that are new, gone or other than before.
    """

    status: int
    out: str
    line: str
    lines: int
    changed: tuple[str, ...]


def see(case: Case) -> Seen:
    """Provoke a case and return what was seen."""
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory(prefix="villani-fault-") as name, _inside(Path(name)) as place:
        case.prepare(place)
        before = _files(place)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), case.during():
            status = main(list(case.arguments))
        changed = tuple(sorted(name for name, _ in before ^ _files(place)))
        lines = [line for line in err.getvalue().splitlines() if not re.match(r"\[ *\d", line)]
        return Seen(status, out.getvalue(), _named(" ".join(lines), place), len(lines), changed)


def _files(place: Path) -> set[tuple[str, bytes]]:
    found = [p for p in place.rglob("*") if "__pycache__" not in p.parts]
    # SQLite's shared memory comes and goes with whoever reads.
    return {
        (p.relative_to(place).as_posix(), p.read_bytes() if p.is_file() else b"")
        for p in found
        if not p.name.endswith(("-wal", "-shm"))
    }


@contextmanager
def _inside(place: Path) -> Iterator[Path]:
    before = Path.cwd()
    os.chdir(place)
    try:
        yield place
    finally:
        os.chdir(before)


def _named(line: str, place: Path) -> str:
    """Put names for what is another in each run: the directory, versions, digests, ends of temporary files."""
    line = line.replace(str(place.resolve()), "DIR").replace(str(place), "DIR")
    line = re.sub(r"\b[0-9a-f]{8}\b(?=[,;)])", "DIGEST", line)
    line = re.sub(r"\b\d{8}T\d{6}Z", "TIME", line)
    line = re.sub(r"\b\d\.\d{10,}", "NUMBER", line)
    return line.replace(__version__, "VERSION")
