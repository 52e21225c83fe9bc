from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboard.nightly import read_nightly
from nightly.journal import Done, Record
from villani_verify.errors import RequestError


def test_a_run_comes_back(nightly_folder: Callable[..., Path]) -> None:
    run = read_nightly(nightly_folder())
    assert run is not None
    assert run.commit == "b" * 40
    assert run.started == datetime(2026, 11, 26, 2, tzinfo=UTC)
    assert run.finished == datetime(2026, 11, 26, 5, tzinfo=UTC)
    assert run.parts == (
        Done("properties", "passed", 512.25, "61 properties, 20,000 examples"),
        Done("gpu", "skipped", 0.0, "no device"),
    )
    assert run.with_status("skipped") == run.parts[1:]


def test_before_the_first_run_there_is_none(tmp_path: Path) -> None:
    assert read_nightly(tmp_path) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "schema_version: 1 is needed, and 2 is there"),
        ({"finished": "this morning"}, "finished: a time"),
        ({"parts": []}, "the run has none, so it checked nothing"),
        ({"parts": [{"name": "zoo", "status": "fine", "seconds": 1, "summary": ""}]}, r"parts\[0\]\.status: one of passed"),
        ({"parts": [{"name": "zoo", "status": "passed", "seconds": -1, "summary": ""}]}, r"parts\[0\]\.seconds"),
    ],
)
def test_a_wrong_file_is_an_error(nightly_folder: Callable[..., Path], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read_nightly(nightly_folder(**changes))


def test_a_run_reads_its_own_record_while_its_last_part_makes_the_page(tmp_path: Path) -> None:
    parts = (Done("properties", "passed", 5.0, "61 passed"),)
    record = Record("c" * 40, "here", "cpu", "2026-11-26T02:00:00+00:00", {}, parts=parts)
    record.write(tmp_path)
    run = read_nightly(tmp_path)
    assert run is not None
    assert run.finished is None
    assert run.latest == run.started == datetime(2026, 11, 26, 2, tzinfo=UTC)
    assert [(p.name, p.status, p.seconds, p.summary) for p in run.parts] == [("properties", "passed", 5.0, "61 passed")]
