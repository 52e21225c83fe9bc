"""What a whole store holds, with checksums that are right: whoever makes a store on purpose makes those too."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from pathlib import Path
from typing import Any

from fuzz.place import place
from fuzz.target import Target
from fuzz.targets.campaign import look_through, settings, units, value_of, write_settings
from villani_verify import __version__
from villani_verify.runs.store import FILE, SCHEMA_VERSION, Store
from villani_verify.runs.unit import mathematics


def seeds() -> list[bytes]:
    """Return the rows of a campaign as JSON, without the units that look the same to a mutation."""
    about = {"schema_version": str(SCHEMA_VERSION), "version": __version__, "mathematics": mathematics()}
    rows = [[i, json.loads(u.text), value_of(u), 0.1, "host 1", ["a note"]] for i, u in enumerate(units())]
    everything = {"about": about, "settings": settings(), "rows": rows, "failures": [[0, "it fails", 3]]}
    return [json.dumps(everything).encode(), json.dumps(everything | {"rows": rows[:2]}).encode()]


def read(data: bytes) -> None:
    """Make a store of the rows, and read it; what is no description of rows is passed over."""
    try:
        value = json.loads(data)
        assert isinstance(value, dict)
    except (AssertionError, ValueError, RecursionError):
        return
    with place() as directory:
        Store.create(directory / FILE, settings(), []).close()
        _fill_file(directory, value)
        text = None
        with contextlib.suppress(ValueError, RecursionError):
            text = json.dumps(value.get("settings"))
        write_settings(directory, text)
        look_through(directory, at_salvage=_few(value))


def _few(value: Any) -> bool:
    # Units follow from the settings; a large plan has many, which takes long and is no finding.
    from fuzz.target import attempt
    from villani_verify.runs.plan import plan_from

    with contextlib.suppress(Exception):
        plan = value["settings"]["plan"]
        return not attempt(lambda: plan_from(plan)) or plan_from(plan).count() <= 500
    return True


def _fill_file(directory: Path, value: Any) -> None:
    # What SQLite does not take ends the filling; what is there until then is read.
    with contextlib.closing(sqlite3.connect(directory / FILE, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        with contextlib.suppress(Exception):
            _fill(connection, value)
        connection.execute("COMMIT")


def _fill(connection: sqlite3.Connection, value: Any) -> None:
    for name, text in value.get("about", {}).items():
        connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, text))
    connection.execute("INSERT OR REPLACE INTO about VALUES ('settings', ?)", (json.dumps(value.get("settings")),))
    for row in value.get("rows", []):
        number, unit, result, seconds, worker, notes = row
        unit, result = json.dumps(unit), json.dumps(result)
        one = (number, unit, "label", zlib.crc32(unit.encode(), number))
        connection.execute("INSERT OR REPLACE INTO units VALUES (?, ?, ?, ?)", one)
        kept = (number, result, zlib.crc32(result.encode(), number), seconds, worker, json.dumps(notes))
        connection.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)", kept)
    for row in value.get("failures", []):
        connection.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", row)


TARGET = Target("rows", "rows of a campaign's store", seeds, read, structured=True)
