"""What a nightly leaves: `nightly.json`, rewritten whole after every part, from which a stopped run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from villani_verify.errors import OutputError, RequestError
from villani_verify.files import write_whole

NAME = "nightly.json"
VERSION = 1


@dataclass(frozen=True)
class Done:
    """A part that ran to its end.

    Attributes:
        name: of the part.
        status: "passed" or "failed"; a reader may also meet "skipped".
        seconds: wall-clock time.
        summary: one line.
    """

    name: str
    status: str
    seconds: float
    summary: str


@dataclass(frozen=True)
class Record:
    """A run, finished or not.

    Attributes:
        commit: full hash; with "+" and a hash of the difference if tracked files differ from it.
        machine: name under which its benchmarks are kept.
        kind: which list of parts.
        started: first start, UTC, ISO 8601.
        environment: of the processes: versions, processor, device with its driver.
        finished: end of the last part, likewise; "" while parts are missing.
        parts: those that ran to their end, in the order of the list.
    """

    commit: str
    machine: str
    kind: str
    started: str
    environment: Mapping[str, Any]
    finished: str = ""
    parts: tuple[Done, ...] = field(default=())

    def with_part(self, done: Done) -> Record:
        """Return the record with this part in the place of an earlier run of it."""
        others = tuple(p for p in self.parts if p.name != done.name)
        return replace(self, parts=(*others, done))

    def passed(self, name: str) -> bool:
        """Say whether this part is done and need not run again."""
        return any(p.name == name and p.status == "passed" for p in self.parts)

    def write(self, folder: Path) -> None:
        """Write the file.

        Raises:
            OutputError: if it cannot be written.
        """
        text = json.dumps({"schema_version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"
        try:
            write_whole(folder / NAME, text)
        except OSError as e:
            raise OutputError(f"{folder / NAME}: cannot be written ({e.strerror}); give another --out") from e


def read(folder: Path) -> Record | None:
    """Return what the folder holds, or None if nothing was begun there.

    Raises:
        RequestError: if the file is none of ours.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["schema_version"] != VERSION:
            raise RequestError(f"{path}: schema_version {found['schema_version']!r}, not {VERSION}; give another --out, or --fresh")
        return Record(
            **{name: str(found[name]) for name in ("commit", "machine", "kind", "started", "finished")},
            environment=dict(found["environment"]),
            parts=tuple(Done(**part) for part in found["parts"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise RequestError(f"{path}: not the record of a nightly ({type(e).__name__} {e}); give another --out, or --fresh") from e
