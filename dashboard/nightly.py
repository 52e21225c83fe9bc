"""The last nightly run: which parts it had, and how each ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dashboard.reading import read_object
from nightly.journal import NAME, VERSION, Done

STATUSES = ("passed", "failed", "skipped")


@dataclass(frozen=True)
class Nightly:
    """A nightly run.

    Attributes:
        commit: full hash of what was checked.
        started: UTC.
        finished: UTC; None while parts are missing, as when the page is made by the run's own last part.
        parts: in the order in which they ran.
    """

    commit: str
    started: datetime
    finished: datetime | None
    parts: tuple[Done, ...]

    @property
    def latest(self) -> datetime:
        """The instant by which its age is counted: the end, or the start of a run that has not ended."""
        return self.finished or self.started

    def with_status(self, status: str) -> tuple[Done, ...]:
        """Return the parts that ended so."""
        return tuple(p for p in self.parts if p.status == status)


def read_nightly(folder: Path) -> Nightly | None:
    """Read `nightly.json` of a folder; None if there is none, as before the first nightly run.

    Raises:
        RequestError: if the file cannot be read, or is of another version.
    """
    path = folder / NAME
    if not path.exists():
        return None
    run = read_object(path, version=VERSION)
    parts = []
    for part in run.listed("parts"):
        status = part.choice("status", STATUSES)
        parts.append(Done(part.get("name", str), status, part.number("seconds"), part.get("summary", str)))
    if not parts:
        raise run.error("parts", "the run has none, so it checked nothing")
    finished = run.time("finished") if run.get("finished", str) else None
    return Nightly(run.get("commit", str), run.time("started"), finished, tuple(parts))
