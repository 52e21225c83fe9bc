from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from pathlib import Path
from typing import Any

import pytest

from tests.runs.stores import EXPECTED, begun, contents, result_of
from villani_verify.errors import OutputError, RequestError
from villani_verify.runs.coordinator import Computing, Outcome, in_words, run
from villani_verify.runs.executors import Opened, Pool
from villani_verify.runs.executors.serial import SerialExecutor
from villani_verify.runs.live import Live
from villani_verify.runs.store import Store
from villani_verify.runs.worker import Answer, Task


def right(task: Task) -> Answer:
    return Answer(task.number, result_of(task.number).value, None, False, 0.25, "host 1")


def quiet(*_: object) -> None:
    pass


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with begun(tmp_path / "campaign") as store:
        yield store


@pytest.fixture
def coordinate(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Return a function that runs the coordinator with a function in the worker's place."""

    def call(compute: Callable[[Task], Answer], pool: Pool | None = None, show: Any = quiet, **computing: Any) -> Outcome:
        monkeypatch.setattr("villani_verify.runs.coordinator.compute", compute)
        pool = pool or Opened(SerialExecutor(), lambda: 1, lambda: None)
        return run(store, pool, Computing(**computing), live=Live(store.path.parent), show=show)

    return call


def test_every_unit_is_computed_once(store: Store, coordinate: Callable[..., Outcome]) -> None:
    numbers: list[int] = []
    shown: list[tuple[int, int]] = []

    def compute(task: Task) -> Answer:
        numbers.append(task.number)
        return right(task)

    outcome = coordinate(compute, show=lambda _, done, total: shown.append((done, total)))
    assert outcome == Outcome(computed=20)
    assert numbers == list(range(20))
    assert contents(store) == EXPECTED
    assert shown == [(n, 20) for n in range(1, 21)]
    assert json.loads((store.path.parent / "summary.json").read_text())["finished"] == 20
    assert coordinate(compute) == Outcome()
    assert len(numbers) == 20


@pytest.mark.parametrize("n", [2, 3, 7])
def test_parts_are_all_of_it_and_share_nothing(store: Store, coordinate: Callable[..., Outcome], n: int) -> None:
    computed = [coordinate(right, part=(k, n)).computed for k in range(n)]
    assert sum(computed) == 20
    assert max(computed) - min(computed) <= 1
    assert contents(store) == EXPECTED


@pytest.mark.parametrize("final", [False, True])
def test_a_unit_that_fails_is_tried_again_after_the_others_unless_that_is_final(
    store: Store, coordinate: Callable[..., Outcome], final: bool
) -> None:
    numbers: list[int] = []

    def compute(task: Task) -> Answer:
        numbers.append(task.number)
        if task.number == 3:
            return Answer(3, None, f"no {numbers.count(3)}", final, 0.0, "host 1")
        return right(task)

    outcome = coordinate(compute)
    assert (outcome.computed, outcome.failed, outcome.stopped) == (19, 1, False)
    assert [f.number for f in outcome.failures] == [3]
    assert numbers == [*range(20), *([] if final else [3, 3])]
    assert store.failures() == [(3, "no 1", 1) if final else (3, "no 3", 3)]
    events = [json.loads(line) for line in (store.path.parent / "log.jsonl").read_text().splitlines()]
    assert [e["event"] for e in events] == ["failed"] if final else ["tried", "tried", "failed"]


def test_a_unit_that_fails_twice_is_finished(store: Store, coordinate: Callable[..., Outcome]) -> None:
    tried: list[int] = []

    def compute(task: Task) -> Answer:
        tried.append(task.number)
        return right(task) if tried.count(task.number) == 3 else Answer(task.number, None, "not yet", False, 0.0, "host 1")

    assert coordinate(compute) == Outcome(computed=20)
    assert len(tried) == 60
    assert contents(store) == EXPECTED


class Scripted(Executor):
    """Hands out futures and finishes them when it is told to."""

    def __init__(self) -> None:
        self.futures: list[tuple[Future[Answer], Task]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.futures.append((future, args[0]))
        return future

    def finish(self) -> None:
        for future, task in self.futures:
            if not future.done():
                future.set_result(right(task))


def test_no_more_units_are_handed_out_than_two_for_each_worker(store: Store, coordinate: Callable[..., Outcome]) -> None:
    executor, most = Scripted(), 0

    def show(*_: object) -> None:
        nonlocal most
        most = max(most, sum(not f.done() for f, _ in executor.futures))
        executor.finish()

    assert coordinate(right, Opened(executor, lambda: 3, lambda: None), show) == Outcome(computed=20)
    assert most == 6


def test_what_is_finished_when_a_stop_is_asked_for_is_kept(
    store: Store, coordinate: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("villani_verify.runs.coordinator._GRACE", 0.3)
    executor = Scripted()

    def show(*_: object) -> None:
        for future, task in executor.futures[:3]:
            future.set_result(right(task))
        raise KeyboardInterrupt

    outcome = coordinate(right, Opened(executor, lambda: 2, lambda: None), show)
    assert outcome == Outcome(computed=3, stopped=True)
    assert set(contents(store)) == {0, 1, 2}
    assert [f.cancelled() for f, _ in executor.futures] == [False] * 3 + [True]
    assert store.failures() == []


def test_a_stop_in_the_midst_of_keeping_a_result_does_not_lose_it(
    store: Store, coordinate: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    record, interrupted = store.record, []

    def interrupt(result: Any) -> bool:
        if result.number == 5 and not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        return record(result)

    monkeypatch.setattr(store, "record", interrupt)
    assert coordinate(right).stopped
    assert set(contents(store)) == set(range(6))


class Gone(Scripted):
    """Takes four units, finishes two of them, and is gone."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if len(self.futures) == 4:
            for future, task in self.futures[:2]:
                future.set_result(right(task))
            raise RuntimeError("cannot schedule\nnew futures")
        return super().submit(fn, *args, **kwargs)


def test_of_a_pool_that_is_gone_what_it_had_finished_is_kept(
    store: Store, coordinate: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("villani_verify.runs.coordinator._GRACE", 0.3)
    with pytest.raises(RequestError, match=r"it takes no more units .*cannot schedule new futures.*use --resume"):
        coordinate(right, Opened(Gone(), lambda: 3, lambda: None))
    assert set(contents(store)) == {0, 1}


def test_units_that_a_pool_cancels_are_its_fault_and_not_theirs(store: Store, coordinate: Callable[..., Outcome]) -> None:
    executor, asked = Scripted(), []

    def workers() -> int:
        asked.append(True)
        if any(f.cancelled() for f, _ in executor.futures):
            raise RequestError("executor: it has gone; start another")
        return 2

    def show(*_: object) -> None:
        for future, _ in executor.futures:
            future.cancel()
            future.set_running_or_notify_cancel()

    with pytest.raises(RequestError, match="it has gone"):
        coordinate(right, Opened(executor, workers, lambda: None), show)
    assert store.failures() == []
    assert issubclass(CancelledError, Exception)


def test_two_results_of_one_unit_stop_the_work(store: Store, coordinate: Callable[..., Outcome]) -> None:
    def compute(task: Task) -> Answer:
        if task.number == 4:  # another process got ahead, on a machine that rounds otherwise
            store.record(result_of(4, value=1))
        return right(task)

    with pytest.raises(RequestError, match="unit 4 has two different results"):
        coordinate(compute)


def test_a_result_that_cannot_be_kept_stops_the_work(
    store: Store, coordinate: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = store.record

    def full(result: Any) -> bool:
        if result.number == 5:
            raise OutputError("store: it cannot be written; make room")
        return record(result)

    monkeypatch.setattr(store, "record", full)
    with pytest.raises(OutputError, match="make room"):
        coordinate(right)
    assert set(contents(store)) == set(range(5))


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (None, "time left not known yet"),
        ((0.0, 0.2), "0 s left"),
        ((10.0, 80.0), "10 s to 80 s left"),
        ((100.0, 5400.0), "2 min to 2 h left"),
        ((3 * 86_400.0, 3.2 * 86_400), "3 d left"),
    ],
)
def test_time_left_in_words(left: tuple[float, float] | None, words: str) -> None:
    assert in_words(left) == words
