"""The tables: planted defects, and survivors with the reason why no test kills them.

Nothing here needs cosmic-ray, so that the everyday tests can check the tables.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PACKAGE = "villani_verify"


class TableError(Exception):
    """An entry does not fit the source, or another entry; the message names both and the remedy in one line."""


@dataclass(frozen=True)
class Defect:
    """A defect that a scientist fears.

    Attributes:
        name: unique.
        file: path within the package.
        code: stands in that file exactly once.
        replacement: takes its place.
        consequence: what it would do to a result.
    """

    name: str
    file: str
    code: str
    replacement: str
    consequence: str

    def planted_in(self, source: str) -> str:
        """Return the file's text with the defect.

        Raises:
            TableError: unless the code is found exactly once.
        """
        count = source.count(self.code)
        if count != 1:
            shown = " ".join(self.code.split())
            raise TableError(f"defect {self.name!r}: `{shown}` is found {count} times in {self.file}, not once; mend its entry")
        return source.replace(self.code, self.replacement)


def planted_defects(folder: Path = HERE / "planted") -> tuple[Defect, ...]:
    """Return all entries of the tables in `folder`.

    Raises:
        TableError: if an entry has other keys than a defect has, or another one's name.
    """
    rows = [row for table in sorted(folder.glob("*.toml")) for row in _rows(table, "defect")]
    try:
        defects = tuple(Defect(**row) for row in rows)
    except TypeError as e:
        raise TableError(f"planted defects in {folder.name}: {e}; each has name, file, code, replacement and consequence") from e
    names = [d.name for d in defects]
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"defect {name!r}: there are {names.count(name)} of that name; rename all but one")
    return defects


def survivor_reasons(table: Path = HERE / "survivors.toml") -> dict[str, str]:
    """Return name of a mutant → why no test can kill it.

    Raises:
        TableError: if an entry has no reason.
    """
    reasons = {row.get("name", ""): str(row.get("reason", "")).strip() for row in _rows(table, "survivor")}
    for name, reason in reasons.items():
        if not name or not reason:
            raise TableError(f"survivor {name!r} in {table.name}: it lacks a name or a reason; give both, or write a test")
    return reasons


def changed_lines(before: str, after: str) -> tuple[str, str]:
    """Return the lines in which two texts differ, those of each text joined into one."""
    old, new = before.splitlines(), after.splitlines()
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    ends = zip(reversed(old[start:]), reversed(new[start:]), strict=False)
    same = next((i for i, (a, b) in enumerate(ends) if a != b), min(len(old), len(new)) - start)
    first, second = (" ".join(" ".join(lines[start : len(lines) - same]).split()) for lines in (old, new))
    return first, second


def _rows(table: Path, kind: str) -> list[dict[str, Any]]:
    with table.open("rb") as file:
        rows: list[dict[str, Any]] = tomllib.load(file).get(kind, [])
    return rows
