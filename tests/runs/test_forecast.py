from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from villani_verify.errors import LandscapeError, RequestError
from villani_verify.runs import forecast as module
from villani_verify.runs.forecast import forecast, workers_of
from villani_verify.runs.plan import plan_from
from villani_verify.runs.worker import Answer, Task


def fake_units(monkeypatch: pytest.MonkeyPatch, *, seconds: float, peak: int, error: str | None = None) -> list[Task]:
    """Let units take what they are said to, without a process; return the tasks that were computed."""
    seen: list[Task] = []

    def computed(pool: object, task: Task) -> Answer:
        seen.append(task)
        return Answer(task.number, 1, error, True, seconds, "w", (), peak)

    monkeypatch.setattr(module, "_computed", computed)
    return seen


PLAN = {"landscape": ["double-well"], "radii": {"from": 1, "to": 9, "count": 50}, "rays": 2, "criteria": ["smoothness"]}


def test_units_time_and_memory_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = forecast(plan_from({"landscape": ["double-well"], "radii": [1.0, 2.0, 3.0], "rays": 2}), "processes:2")
    assert lines[0] == "12 units."
    assert [re.sub(r" [0-9a-f]{8}:", ":", line).split(" of ")[0] for line in lines[1:3]] == ["gradient: 6 units", "exact: 6 units"]
    for line in lines[1:3]:
        seconds, memory = re.search(r"of (\S+) s, (\S+) GB", line).groups()  # type: ignore[union-attr]
        assert 0 < float(seconds) < 10
        assert 0.05 < float(memory) < 5  # a process with torch in it
    assert lines[3].startswith("Time: ")
    assert lines[3].endswith(" on 2 worker(s).")
    assert "for each worker" in lines[4]
    assert list(tmp_path.iterdir()) == []


def test_what_is_said_follows_from_one_unit_of_each_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = fake_units(monkeypatch, seconds=6.0, peak=10**6)
    lines = forecast(plan_from(PLAN), "processes:4")
    assert lines[0] == "201 units."
    assert [line.split()[0] for line in lines[1:4]] == ["gradient", "exact", "criterion"]
    # 201 units of 6 s on 4 workers are 301.5 s, give or take half.
    assert lines[4] == "Time: 3 min to 8 min on 4 worker(s)."
    assert len(seen) == 6  # the second time is what counts


def test_a_long_unit_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(fake_units(monkeypatch, seconds=60.0, peak=1)) == 0
    seen = fake_units(monkeypatch, seconds=60.0, peak=1)
    forecast(plan_from(PLAN), "processes:4")
    assert len(seen) == 3


@pytest.mark.skipif("SC_AVPHYS_PAGES" not in os.sysconf_names, reason="this system does not say how much memory is free")
def test_what_does_not_fit_comes_with_what_would(monkeypatch: pytest.MonkeyPatch) -> None:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for peak, remedy in ((free // 3, "use at most processes:"), (10 * free, "not even one worker does: use shorter")):
        fake_units(monkeypatch, seconds=1.0, peak=peak)
        lines = forecast(plan_from(PLAN), "processes:16")
        assert lines[-1].startswith("That does not fit; ")
        assert remedy in lines[-1]


def test_units_that_fail_are_named_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_units(monkeypatch, seconds=1.0, peak=0, error="the loss is negative; mend it")
    lines = forecast(plan_from(PLAN), "processes:1")
    assert sum("the first one fails: the loss is negative; mend it" in line for line in lines) == 3
    assert "Time: 0 s left on 1 worker(s)." not in lines
    assert not [line for line in lines if line.startswith("Time")]


def test_a_worker_that_is_lost_is_a_sentence() -> None:
    class Lost:
        workers = 1

        class executor:
            @staticmethod
            def submit(*_: object) -> object:
                raise MemoryError("killed")

    answer = module._computed(Lost(), Task(3, "", ""))  # type: ignore[arg-type]
    assert answer.error == "its worker was lost (MemoryError: killed)"


@pytest.mark.parametrize("executor", ["nonsense", "processes:", "processes:x", "processes:0", "processes:²", "dask:", "dask"])
def test_executors_that_are_none_are_refused_before_any_work(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = fake_units(monkeypatch, seconds=1.0, peak=1)
    with pytest.raises(RequestError, match=re.escape(repr(executor))):
        forecast(plan_from(PLAN), executor)
    assert not seen


def test_numbers_of_workers() -> None:
    assert workers_of("local") == 1
    assert workers_of("processes:7") == 7


def test_a_landscape_that_cannot_be_built(tmp_path: Path) -> None:
    file = tmp_path / "raises.py"
    file.write_text("def landscape():\n    raise ValueError('no data')\n", encoding="utf-8")
    with pytest.raises(LandscapeError, match="no data"):
        forecast(plan_from({"landscape": [f"{file}:landscape"], "radii": [1]}), "local")
