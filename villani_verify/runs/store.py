"""The store: every unit of a campaign and every result, in one SQLite file that survives the death of whoever writes it.

A result is one transaction in write-ahead mode, so that it is there whole or not at all. `synchronous` is NORMAL: the death of the
process loses nothing, and a power cut at most the last few results, which are then computed again, to the same bits. SQLite does
not notice a flipped bit in a row, nor a row that such a bit hides, so that each result carries a checksum over itself and its unit,
each unit one over itself and its number, and the rest one that knows how many units there are.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from villani_verify import __version__
from villani_verify.errors import OutputError, RequestError
from villani_verify.runs.damage import damaged, of_the_machine, reading
from villani_verify.runs.unit import Unit, canonical, digest, digest_of, mathematics, parsed

SCHEMA_VERSION = 1
FILE = "runs.sqlite"
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE units (
    number INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    label TEXT NOT NULL,
    checksum INTEGER NOT NULL
);
CREATE TABLE results (
    number INTEGER PRIMARY KEY,
    result TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    seconds REAL NOT NULL,
    worker TEXT NOT NULL,
    notes TEXT NOT NULL
);
CREATE TABLE failures (
    number INTEGER PRIMARY KEY,
    sentence TEXT NOT NULL,
    attempts INTEGER NOT NULL
);
"""
# SQLite keeps them as they were written.
_STATEMENTS = frozenset(statement.strip() for statement in _TABLES.split(";") if statement.strip())


_WRITE_AHEAD = b"\x02\x02"  # versions for writing and reading, in bytes 18 and 19 of a file in write-ahead mode


@dataclass(frozen=True)
class Result:
    """A finished unit.

    Attributes:
        number: of the unit, from 0.
        unit: what was computed.
        value: plain values, the same bits wherever and however often it is computed.
        seconds: wall-clock time on the worker; like the next two no part of what is compared.
        worker: which one, host and process.
        notes: what went otherwise than asked, such as smaller chunks.
    """

    number: int
    unit: Unit
    value: Any
    seconds: float
    worker: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counts:
    """How many units there are, are finished, and have failed for good."""

    units: int
    finished: int
    failed: int

    @property
    def pending(self) -> int:
        """Units without a result or a failure."""
        return self.units - self.finished - self.failed


class Store:
    """An open store. Made by `create` or `open`; one process writes to it, others may read."""

    def __init__(self, path: Path, connection: sqlite3.Connection, about: Mapping[str, str]) -> None:
        self.path = path
        self._connection = connection
        self.settings: dict[str, Any] = parsed(about["settings"])
        self.version = about["version"]
        self.mathematics = about["mathematics"]
        self._units = int(about["units"])

    @classmethod
    def create(cls, path: Path, settings: Mapping[str, Any], units: Iterable[Unit]) -> Store:
        """Make a store with its units, whole or not at all.

        Args:
            path: of a file that does not exist yet.
            settings: plain values from which the units follow.
            units: in the order in which they are computed; all different.

        Raises:
            OutputError: if it cannot be written.
        """
        beginning = path.with_name(path.name + ".new")
        with _written(path):
            # What is left of a file that was here before would be taken for the end of this one.
            for old in (beginning, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
                old.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(beginning, isolation_level=None)) as connection:
                connection.executescript("BEGIN;" + _TABLES)
                connection.executemany(
                    "INSERT INTO units VALUES (?, ?, ?, ?)",
                    ((i, text, u.label, checksum_of(i, text)) for i, u in enumerate(units) for text in (u.text,)),
                )
                (count,) = connection.execute("SELECT COUNT(*) FROM units").fetchone()
                about = {
                    "schema_version": str(SCHEMA_VERSION), "version": __version__, "mathematics": mathematics(),
                    "settings": canonical(settings), "units": str(count),
                }  # fmt: skip
                connection.executemany("INSERT INTO about VALUES (?, ?)", (about | {"checksum": digest(canonical(about))}).items())
                connection.execute("COMMIT")
                connection.execute("PRAGMA journal_mode = WAL")
            beginning.replace(path)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open a store to go on with it or to read it, whatever its settings.

        Raises:
            RequestError: if there is none, or it was made by a newer version.
            DamagedStoreError: if it is damaged.
        """
        where = f"store {str(path)!r}"
        if not path.is_file():
            raise RequestError(f"{where}: there is none; give the directory of a campaign")
        with contextlib.ExitStack() as unless_whole, reading(path):
            connection = unless_whole.enter_context(contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)))
            connection.execute("PRAGMA synchronous = NORMAL")
            if _statements(connection) != _STATEMENTS:
                raise ValueError("its tables are not those of a store")
            about = _about(connection)
            checksum = about.pop("checksum")
            # First, as another version may have another checksum.
            if int(about["schema_version"]) > SCHEMA_VERSION:
                raise RequestError(
                    f"{where}: villani-verify {about['version']} made it with schema {about['schema_version']}, and this is "
                    f"{__version__} with {SCHEMA_VERSION}; use that version, or another directory"
                )
            if checksum != digest(canonical(about)):
                raise ValueError("the checksum of its settings is wrong")
            store = cls(path, connection, about)
            unless_whole.pop_all()
            return store

    def close(self) -> None:
        """Close it; the write-ahead file is folded in where nobody else reads."""
        self._connection.close()

    def __enter__(self) -> Store:
        """Return the store; it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Check that these settings and this code made the store, so that its results are the ones that are asked for.

        Raises:
            RequestError: if not; the message says in what they differ.
        """
        wanted = parsed(canonical(settings))
        if self.settings != wanted:
            name, made, asked = _difference(self.settings, wanted)
            raise RequestError(
                f"store {str(self.path)!r}: it was made with {name} {_short(made)}, not {_short(asked)}; ask for that, or give "
                "another directory"
            )
        self.check_mathematics()

    def check_mathematics(self) -> None:
        """Check that the code that would go on with it computes what its results are of.

        Raises:
            RequestError: if not.
        """
        if self.mathematics != mathematics():
            raise RequestError(
                f"store {str(self.path)!r}: other mathematics made it (version {self.version}, {self.mathematics[:8]}; this "
                f"is {__version__}, {mathematics()[:8]}, or has other versions of torch, numpy, scipy or transformers), and "
                "results are never mixed; use what made it, or another directory"
            )

    def counts(self) -> Counts:
        """Return how many units there are of each sort."""
        with reading(self.path):
            one = "SELECT (SELECT COUNT(*) FROM units), (SELECT COUNT(*) FROM results), (SELECT COUNT(*) FROM failures)"
            counts = Counts(*self._connection.execute(one).fetchone())
            if counts.units != self._units:
                raise ValueError(f"it has {counts.units} of {self._units} units")
            return counts

    def pending(self) -> list[tuple[int, str]]:
        """Return number and label of each unit without a result, in order; those that failed are among them."""
        with reading(self.path):
            query = "SELECT number, label FROM units WHERE number NOT IN (SELECT number FROM results) ORDER BY number"
            return self._connection.execute(query).fetchall()

    def unit(self, number: int) -> Unit:
        """Return a unit.

        Raises:
            DamagedStoreError: if its checksum is wrong.
        """
        with reading(self.path):
            text, found = self._connection.execute("SELECT unit, checksum FROM units WHERE number = ?", (number,)).fetchone()
            if found != checksum_of(number, text):
                raise ValueError(f"the checksum of unit {number} is wrong")
            return Unit.from_text(text)

    def record(self, result: Result) -> bool:
        """Keep a result; say whether it is new. A unit that failed before counts as finished then.

        Raises:
            RequestError: if there is another result of the same unit already, as results are functions of their units.
            OutputError: if it cannot be written; nothing is lost then.
        """
        text = canonical(result.value)
        with _written(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                row = self._connection.execute("SELECT result FROM results WHERE number = ?", (result.number,)).fetchone()
                if row is None:
                    row_of = (
                        result.number,
                        text,
                        checksum_of(result.number, result.unit.text, text),
                        result.seconds,
                        result.worker,
                        canonical(result.notes),
                    )
                    self._connection.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?)", row_of)
                    self._connection.execute("DELETE FROM failures WHERE number = ?", (result.number,))
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
        if row is not None and row[0] != text:
            raise RequestError(
                f"store {str(self.path)!r}: unit {result.number} has two different results, the second from {result.worker}; "
                "results must not depend on the worker, so use workers of one sort, with the same versions and number of threads"
            )
        return row is None

    def fail(self, number: int, sentence: str, attempts: int) -> None:
        """Note that a unit has no result, and why.

        Raises:
            OutputError: if it cannot be written.
        """
        text = sentence.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair, in a name, is no text
        with _written(self.path):
            self._connection.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", (number, text, attempts))

    def forget_failures(self) -> None:
        """Let units that failed be tried again."""
        with _written(self.path):
            self._connection.execute("DELETE FROM failures")

    def failures(self) -> list[tuple[int, str, int]]:
        """Return number, sentence and attempts of each unit that failed."""
        with reading(self.path):
            return list(self._connection.execute("SELECT number, sentence, attempts FROM failures ORDER BY number"))

    def results(self) -> Iterator[Result]:
        """Iterate over the results by number.

        Raises:
            DamagedStoreError: if a checksum is wrong.
        """
        for number, unit, text, seconds, worker, notes in self._rows():
            with reading(self.path):
                result = Result(number, Unit.from_text(unit), parsed(text), seconds, worker, tuple(map(str, parsed(notes))))
            yield result

    def fingerprint(self) -> str:
        """Return a digest of all units and results, the same for any two runs of one campaign that finished the same units.

        Raises:
            DamagedStoreError: if a checksum is wrong.
        """
        return digest_of(text for _, unit, result, *_ in self._rows() for text in (unit, result))

    def _rows(self) -> Iterator[tuple[int, str, str, float, str, str]]:
        """Iterate over number, text of the unit and of its result, seconds, worker and notes; none is missing or there twice."""
        query = (
            "SELECT number, unit, result, results.checksum, seconds, worker, notes "
            "FROM results LEFT JOIN units USING (number) ORDER BY number"
        )
        last = -1
        # Not around the yields: what their receiver raises is its own.
        with reading(self.path):
            rows = self._connection.execute(query)
        while True:
            with reading(self.path):
                row = rows.fetchone()
                if row is None:
                    return
                number, unit, result, found, seconds, worker, notes = row
                if not last < number < self._units or found != checksum_of(number, unit, result):
                    raise ValueError(f"the checksum of result {number} is wrong")
                last = number
            yield number, unit, result, seconds, worker, notes

    def check(self) -> None:
        """Check the file's structure and every checksum: of 10⁶ units and results in about 3 s.

        Raises:
            DamagedStoreError: if something is wrong.
        """
        crc = zlib.crc32
        # As bytes, which costs half of what texts cost; what a flipped bit made something else than a text is None.
        query = "SELECT number, CASE typeof({0}) WHEN 'text' THEN CAST({0} AS BLOB) END, checksum FROM {0}s ORDER BY number"
        with reading(self.path):
            with self.path.open("rb") as file:
                if file.read(20)[18:] != _WRITE_AHEAD:
                    raise ValueError("it says that it is of another format, and nothing could be written")
            (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise ValueError(" ".join(str(found).split()))
            sums = array("L")
            for number, text, checksum in self._connection.execute(query.format("unit")):
                if number != len(sums) or crc(text, number) != checksum:
                    raise ValueError(f"the checksum of unit {len(sums)} is wrong")
                sums.append(checksum)
            if len(sums) != self._units:
                raise ValueError(f"it has {len(sums)} of {self._units} units")
            last = -1
            for number, text, checksum in self._connection.execute(query.format("result")):
                if not last < number < len(sums) or crc(text, sums[number]) != checksum:
                    raise ValueError(f"the checksum of result {number} is wrong")
                last = number


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as e:
        if isinstance(e, sqlite3.Error) and not of_the_machine(e):
            raise damaged(path, e) from e
        why = (e.strerror if isinstance(e, OSError) else None) or e
        raise OutputError(
            f"store {str(path)!r}: it cannot be written ({why}); what was kept before is whole: make room or mend the rights, and "
            "use --resume"
        ) from e


def checksum_of(number: int, *texts: str) -> int:
    """Return the checksum of a unit's text, or of that and its result's."""
    found = number
    for text in texts:
        found = zlib.crc32(text.encode(), found)
    return found


def _about(connection: sqlite3.Connection) -> dict[str, str]:
    try:
        return dict(connection.execute("SELECT name, value FROM about"))
    except MemoryError:
        # The one table that is an index: SQLite compares lengths in the others with the size of the file.
        raise ValueError("a length in its settings cannot be right, or no memory is left") from None


def _statements(connection: sqlite3.Connection) -> frozenset[str]:
    """Return what made the tables, views and triggers of a file; any but ours would be a program of whoever made it."""
    return frozenset(sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))


def _difference(made: Any, asked: Any, name: str = "") -> tuple[str, Any, Any]:
    """Return where two settings differ first, and what is there."""
    if isinstance(made, dict) and isinstance(asked, dict):
        for key in sorted({*made, *asked}):
            if made.get(key) != asked.get(key):
                return _difference(made.get(key), asked.get(key), f"{name}.{key}" if name else key)
    if isinstance(made, list) and isinstance(asked, list) and len(made) == len(asked):
        for i, (a, b) in enumerate(zip(made, asked, strict=True)):
            if a != b:
                return _difference(a, b, f"{name}[{i}]")
    return name, made, asked


def _short(value: Any) -> str:
    text = canonical(value)
    return text if len(text) <= 60 else text[:59] + "…"
