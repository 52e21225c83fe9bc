"""The verdict table of a nightly run, from the results files of `villani-verify verify --json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dashboard.reading import read_object
from villani_verify.criteria import CRITERION_NAMES
from villani_verify.report.words import STATUS_WORDS

FOLDER = "verdicts"
_READABLE_VERSION = 1


@dataclass(frozen=True)
class Verdict:
    """A criterion on a landscape.

    Attributes:
        status: one of the four.
        expected: the status known beforehand; None where none is, and then anything but a refutation is expected.
        as_expected: whether it is so.
    """

    status: str
    expected: str | None
    as_expected: bool


@dataclass(frozen=True)
class Row:
    """A landscape of the table.

    Attributes:
        landscape: its name.
        dimension: its number of parameters.
        verdicts: criterion → verdict; those that were not asked for are missing.
        interrupted: whether the verification was stopped before its end.
    """

    landscape: str
    dimension: int
    verdicts: Mapping[str, Verdict]
    interrupted: bool

    @property
    def as_expected(self) -> bool:
        """Whether the verification came to its end, and all its verdicts are as expected."""
        return not self.interrupted and all(v.as_expected for v in self.verdicts.values())


def read_verdicts(folder: Path) -> tuple[Row, ...]:
    """Read every results file in `verdicts/` of the folder of a nightly run: what is not as expected first, then by name.

    Raises:
        RequestError: if one is no results file of this version.
    """
    rows = [_row(path) for path in sorted((folder / FOLDER).glob("*.json"))]
    return tuple(sorted(rows, key=lambda r: (r.as_expected, r.landscape)))


def count_as_expected(rows: tuple[Row, ...]) -> tuple[int, int]:
    """Return how many verdicts are as expected, and how many there are."""
    verdicts = [v for r in rows for v in r.verdicts.values()]
    return sum(v.as_expected for v in verdicts), len(verdicts)


def _row(path: Path) -> Row:
    results = read_object(path, version=_READABLE_VERSION)
    landscape, criteria = results.inner("landscape"), results.inner("criteria")
    verdicts = {}
    for name in criteria.values:
        if name not in CRITERION_NAMES:
            raise criteria.error(name, f"the criteria are {', '.join(CRITERION_NAMES)}")
        row = criteria.inner(name)
        expected = None if row.values.get("expected") is None else row.choice("expected", STATUS_WORDS)
        verdicts[name] = Verdict(row.choice("status", STATUS_WORDS), expected, row.get("as_expected", bool))
    interrupted = bool(results.values.get("interrupted"))
    return Row(landscape.get("name", str), int(landscape.number("dimension")), verdicts, interrupted)
