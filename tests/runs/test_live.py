from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from villani_verify.runs.live import LOG, SUMMARY, Live
from villani_verify.runs.store import Counts

BEFORE = Counts(10, 4, 1)


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def live(tmp_path: Path, clock: list[float]) -> Live:
    return Live(tmp_path, clock=lambda: clock[0])


def summary(tmp_path: Path) -> dict[str, object]:
    return json.loads((tmp_path / SUMMARY).read_text(encoding="utf-8"))


def test_the_log_has_a_line_for_each_event(tmp_path: Path, live: Live) -> None:
    live.log("begun", units=3)
    live.log("failed", unit=1, why='two\nlines, "quotes", θ and \udcff')
    lines = (tmp_path / LOG).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [(r["event"], r["process"]) for r in rows] == [("begun", os.getpid()), ("failed", os.getpid())]
    assert rows[1]["why"] == 'two\nlines, "quotes", θ and \udcff'
    assert rows[0]["units"] == 3


def test_the_summary_is_written_every_few_seconds(tmp_path: Path, live: Live, clock: list[float]) -> None:
    live.summarise(BEFORE, 0, None)
    clock[0] += 1
    live.summarise(BEFORE, 3, (5.04, 7.96), failed=2)
    assert summary(tmp_path)["finished"] == 4
    clock[0] += 1
    live.summarise(BEFORE, 3, (5.04, 7.96), failed=2)
    assert summary(tmp_path) == {
        "units": 10, "finished": 7, "failed": 3, "computed_by_this_process": 3, "seconds_left": [5.0, 8.0],
        "process": os.getpid(), "running": True,
    }  # fmt: skip
    live.summarise(Counts(10, 10, 0), 6, None, at_once=True)
    assert summary(tmp_path)["finished"] == 10
    assert summary(tmp_path)["running"] is False


def test_that_neither_can_be_written_stops_nothing(tmp_path: Path) -> None:
    live = Live(tmp_path / "gone")
    live.log("begun")
    live.summarise(BEFORE, 0, None, at_once=True)
    assert not (tmp_path / "gone").exists()
