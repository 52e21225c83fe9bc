"""Tables of a campaign as files: CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from villani_verify.errors import RequestError, unknown_name
from villani_verify.files import write_file
from villani_verify.runs.store import Store
from villani_verify.runs.tables import POINT_COLUMNS, VERDICT_COLUMNS, refusing, tables_of
from villani_verify.runs.unit import canonical
from villani_verify.verification import strict_json

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "points": POINT_COLUMNS,
    "verdicts": VERDICT_COLUMNS,
    "units": ("number", "key", "kind", "landscape", "parameters", "result", "seconds", "worker", "notes"),
}


def write_tables(tables: Mapping[str, list[dict[str, Any]]], directory: Path) -> None:
    """Write each table that has rows as NAME.csv, whole or not at all.

    Raises:
        OutputError: if one cannot be written.
    """
    for name, rows in tables.items():
        if rows:
            write_file(_csv(rows, _COLUMNS[name]), directory / f"{name}.csv", "file")


def export(store: Store, table: str, path: Path) -> int:
    """Write a table of a store to a file, whole or not at all, and return its number of rows.

    Args:
        store: of a campaign.
        table: "points", "verdicts" or "units"; the last has each unit with its result as it is kept.
        path: ends in .csv, .json or .parquet.

    Raises:
        RequestError: if there is no such table or format.
        OutputError: if it cannot be written.
    """
    if table not in _COLUMNS:
        raise unknown_name("table", table, _COLUMNS)
    formats = {".csv": _csv, ".json": _json, ".parquet": _parquet}
    if path.suffix not in formats:
        raise RequestError(f"file {str(path)!r}: its name does not say the format; end it in {', '.join(formats)}")
    if table == "units":
        with refusing():
            rows = [
            {
                "number": r.number, "key": r.unit.key, "kind": r.unit.kind, "landscape": r.unit.landscape,
                "parameters": canonical(r.unit.parameters), "result": canonical(r.value), "seconds": r.seconds, "worker": r.worker,
                "notes": "; ".join(r.notes),
            }
            for r in store.results()
        ]  # fmt: skip
    else:
        rows = tables_of(store.settings, store.results())[table]
    with refusing():
        content = formats[path.suffix](rows, _COLUMNS[table])
    write_file(content, path, "file")
    return len(rows)


def _csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _json(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    return (json.dumps(strict_json(rows), indent=1, allow_nan=False) + "\n").encode()


def _parquet(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as e:
        raise RequestError("format parquet: pyarrow is not installed; pip install pyarrow, or choose .csv or .json") from e
    table = pa.Table.from_pydict({c: [_text(row[c]) for row in rows] for c in columns})
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


def _text(value: Any) -> Any:
    """Return a text with half a surrogate pair, which is none, written as an escape."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
