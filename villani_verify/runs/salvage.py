"""What is whole in a damaged store, put into a new one."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from villani_verify.errors import RequestError
from villani_verify.runs.campaign import SETTINGS, held, units_from, unwritable
from villani_verify.runs.store import FILE, Result, Store, checksum_of
from villani_verify.runs.unit import Unit, canonical, digest, mathematics, parsed


@dataclass(frozen=True)
class Salvaged:
    """What was saved of a damaged store.

    Attributes:
        kept: results that are whole.
        lost: units without one; they are computed again.
        old: where the damaged file is now.
    """

    kept: int
    lost: int
    old: Path


def salvage(directory: Path) -> Salvaged:
    """Make a new store of what is whole in a damaged one, which is kept under another name.

    Units follow from settings.json, which lies beside the store; of results those count whose checksum is right.

    Raises:
        RequestError: if settings.json is damaged too, or other code made them.
    """
    path = directory / FILE
    with held(directory):
        settings = _settings_of(directory)
        units_from(settings)  # what is of no known sort is said before anything is written
        if not path.exists():
            raise RequestError(f"directory {str(directory)!r}: there is no store; run the campaign anew with --resume")
        mended = path.with_name(f"{path.name}.mended")
        mended.unlink(missing_ok=True)
        try:
            old = _copy(path)
            kept = 0
            # The units are made twice, as a million of them, kept, would take gigabytes.
            with Store.create(mended, settings, units_from(settings)) as store:
                for result in whole_results(old, enumerate(units_from(settings))):
                    kept += store.record(result)
                lost = store.counts().units - kept
            # The damaged one stays in its place until the new one is whole; a write-ahead file must not outlive its store.
            for end in ("-wal", "-shm"):
                Path(f"{path}{end}").unlink(missing_ok=True)
            mended.replace(path)
        except OSError as e:
            raise unwritable(directory, e) from e
    return Salvaged(kept, lost, old)


def _settings_of(directory: Path) -> dict[str, Any]:
    """Return the settings that lie beside a store."""
    try:
        about = parsed((directory / SETTINGS).read_text(encoding="utf-8"))
        if about.pop("checksum") != digest(canonical(about)):
            raise ValueError("its checksum is wrong")
        settings: dict[str, Any] = about["settings"]
        made = about["mathematics"]
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError) as e:
        raise RequestError(
            f"directory {str(directory)!r}: {SETTINGS} cannot be read, so that nothing can be salvaged; start anew elsewhere"
        ) from e
    if made != mathematics():
        raise RequestError(
            f"directory {str(directory)!r}: other mathematics made it ({made[:8]}; this is {mathematics()[:8]}), and results are "
            "never mixed; salvage it with what made it"
        )
    return settings


def whole_results(path: Path, units: Iterable[tuple[int, Unit]]) -> Iterator[Result]:
    """Iterate over the results in a damaged file whose checksums are right.

    Args:
        path: of the file.
        units: all that there should be, with their numbers.
    """
    query = "SELECT result, checksum, seconds, worker, notes FROM results WHERE number = ?"
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA writable_schema = ON")  # without which nothing at all is read of a file that was cut short
        if not _plain_tables(connection):
            return
        for number, unit in units:
            try:
                row = connection.execute(query, (number,)).fetchone()
                if row is None or row[1] != checksum_of(number, unit.text, row[0]):
                    continue
                value, notes = parsed(row[0]), tuple(map(str, parsed(row[4])))
                yield Result(number, unit, value, float(row[2]), str(row[3]), notes)
            except (sqlite3.Error, AttributeError, TypeError, ValueError):
                continue


def _plain_tables(connection: sqlite3.Connection) -> bool:
    """Say whether the table of results is one, without computed columns, which would be programs of whoever made the file."""
    try:
        found = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'results'").fetchone()
    except sqlite3.Error:
        return False
    return found is not None and " AS " not in " ".join(str(found[0]).upper().split())


def _copy(path: Path) -> Path:
    """Copy a store with its write-ahead file under a name that is free, and return that."""
    i = 1
    while (old := path.with_name(f"{path.name}.damaged-{i}")).exists():
        i += 1
    for end in ("-wal", ""):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{end}", f"{old}{end}")
    return old
