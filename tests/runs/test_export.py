from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from villani_verify.errors import OutputError, RequestError
from villani_verify.runs.export import export, write_tables
from villani_verify.runs.store import Store
from villani_verify.runs.tables import tables_of

Finished = Callable[..., Store]


def test_csv_holds_every_number_to_the_last_bit(finished: Finished, landscapes: str, tmp_path: Path) -> None:
    store = finished({"landscape": [f"{landscapes}:quadratic"], "rays": 2, "radii": [1 / 3, 1e160], "temperature": [0.1]})
    found = tables_of(store.settings, store.results())
    write_tables(found, tmp_path)
    assert [p.name for p in tmp_path.glob("*.csv")] == ["points.csv"]  # no file without rows
    read = list(csv.DictReader(io.StringIO((tmp_path / "points.csv").read_text(encoding="utf-8"))))
    assert len(read) == len(found["points"]) == 4
    for text, row in zip(read, found["points"], strict=True):
        for name, value in row.items():
            assert text[name] == ("" if value is None else str(value))
            if isinstance(value, float):
                assert float(text[name]) == value


@pytest.mark.parametrize("table", ["points", "verdicts", "units"])
@pytest.mark.parametrize("end", ["csv", "json", "parquet"])
def test_every_format_has_every_row_and_column(finished: Finished, tmp_path: Path, table: str, end: str) -> None:
    if end == "parquet":
        pytest.importorskip("pyarrow", reason="the format parquet needs pyarrow")
    store = finished({"landscape": ["double-well"], "radii": [0.01, 1.0], "criteria": ["quadratic_growth"], "weight_decay": [0.01]})
    path = tmp_path / f"out.{end}"
    count = export(store, table, path)
    if end == "csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    elif end == "json":
        rows = json.loads(path.read_text(encoding="utf-8"))
    else:
        from pyarrow import parquet

        rows = parquet.read_table(path).to_pylist()
    assert count == len(rows) == {"points": 2, "verdicts": 1, "units": 5}[table]
    if table == "units":
        assert [json.loads(r["result"]) for r in rows] == [r.value for r in store.results()]
        assert [r["key"] for r in rows] == [r.unit.key for r in store.results()]
    else:
        wanted = tables_of(store.settings, store.results())[table]
        assert list(rows[0]) == list(wanted[0])
        column = {"points": "critical_temperature", "verdicts": "statistic"}[table]
        assert [float(r[column]) for r in rows] == [r[column] for r in wanted]
    first = path.read_bytes()
    export(store, table, path)
    assert path.read_bytes() == first


def test_half_a_surrogate_pair_in_a_name_goes_through_everything(finished: Finished, landscapes: str, tmp_path: Path) -> None:
    store = finished({"landscape": [f"{landscapes}:surrogate"], "radii": [1.0], "criteria": ["quadratic_growth"]})
    assert store.counts().pending == store.counts().failed == 0
    for end in ("csv", "json", "parquet"):
        if end == "parquet":
            pytest.importorskip("pyarrow", reason="the format parquet needs pyarrow")
        for table in ("points", "verdicts", "units"):
            assert export(store, table, tmp_path / f"{table}.{end}") > 0
    assert "half \\ud83d pair" in (tmp_path / "points.csv").read_text(encoding="utf-8")
    store.fail(0, "a sentence with half a pair \ud83d", 1)
    assert store.failures() == [(0, "a sentence with half a pair \\ud83d", 1)]


def test_what_cannot_be_exported(finished: Finished, tmp_path: Path) -> None:
    store = finished({"landscape": ["double-well"], "radii": [1.0]})
    for table, path, part in (
        ("point", tmp_path / "a.csv", "'points'"), ("points", tmp_path / "a.xyz", ".parquet"),
        ("points", tmp_path / "a", ".parquet"),
    ):  # fmt: skip
        with pytest.raises(RequestError, match=part):
            export(store, table, path)
    for path in (tmp_path / "nowhere" / "a.csv", tmp_path / "folder.csv"):
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        with pytest.raises(OutputError, match="cannot be written"):
            export(store, "points", path)
    assert not list(tmp_path.glob("a*"))
