from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from gate import pairs
from gate.checkouts import Checkout
from gate.pairs import BENCHMARKS, TURNS, Benchmark, Round, Trouble, Worker, measure

from .conftest import Repository

Trivial = Callable[..., Benchmark]


def test_a_round_of_a_time_has_several_values_and_of_anything_else_one(sides: dict[str, Checkout], trivial: Trivial) -> None:
    timed = measure(trivial("Cost.track_seconds-2", "seconds"), sides, random.Random(0))
    assert isinstance(timed, Round)
    assert len(timed.base) == len(timed.head) == TURNS
    assert min(timed.base + timed.head) > 0
    single = measure(trivial("track_where"), sides, random.Random(0))
    assert single == Round((1.0,), (1.0,))


def test_setup_and_teardown_surround_every_call(sides: dict[str, Checkout], trivial: Trivial) -> None:
    # A cache of 10, and one setup that has not been torn down.
    assert measure(trivial("Open.track_open", "seconds"), sides, random.Random(0)) == Round((11.0,) * TURNS, (11.0,) * TURNS)


def test_what_asv_times_itself_counts_with_its_median(sides: dict[str, Checkout], trivial: Trivial) -> None:
    assert measure(trivial("time_by_asv"), sides, random.Random(0)) == Round((1.0,), (1.0,))


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("Cost.track_seconds-1", Trouble("skipped", "NotImplementedError('no CUDA device')")),
        ("track_skipped_late", Trouble("skipped", "SkipNotImplemented('too small')")),
        ("track_negative", Trouble("failed", "-1.0 is not a positive number")),
        ("track_infinite", Trouble("failed", "inf is not a positive number")),
        ("track_raises", Trouble("failed", "ValueError: two lines")),
        ("track_dies", Trouble("failed", "exit status 7: last words")),
        ("nowhere", Trouble("failed", "exit status 1: ValueError: Could not find benchmark 'trivial.nowhere'")),
    ],
)
def test_what_gives_no_value_says_why(sides: dict[str, Checkout], trivial: Trivial, name: str, trouble: Trouble) -> None:
    assert measure(trivial(name), sides, random.Random(0)) == {"base": trouble, "head": trouble}


def test_what_takes_too_long_is_stopped(sides: dict[str, Checkout], trivial: Trivial) -> None:
    started = time.monotonic()
    trouble = Trouble("failed", "no answer within 2 s")
    assert measure(trivial("track_sleeps", timeout=2.0), sides, random.Random(0)) == {"base": trouble, "head": trouble}
    assert time.monotonic() - started < 30


def test_each_side_imports_its_own_package(repository: Repository, tmp_path: Path, trivial: Trivial) -> None:
    other = Repository(tmp_path / "other")
    sides = {"base": Checkout(other.package(), other.folder), "head": Checkout("", repository.folder)}
    repository.package(more="NEW = 3\n")
    found = measure(trivial("track_renamed"), sides, random.Random(0))
    assert found == {"base": Trouble("failed", "AttributeError: module 'villani_verify' has no attribute 'NEW'")}


def test_another_package_than_the_checkouts_is_refused(repository: Repository, tmp_path: Path, trivial: Trivial) -> None:
    # This one has no package, and so the benchmark finds the installed one.
    empty = Repository(tmp_path / "empty")
    with Worker(Checkout("", empty.folder), repository.folder / BENCHMARKS, trivial("track_where")) as worker:
        worker.ask()
        found = worker.answer()
    assert isinstance(found, Trouble)
    assert found.reason.startswith("exit status 1: ")
    assert f"was imported instead of the package in {empty.folder}" in found.reason


class Recorded:
    """Stands in for a worker, and notes whose turn it was."""

    turns: list[str]

    def __init__(self, checkout: Checkout, benchmarks: Path, benchmark: Benchmark) -> None:
        self.side = checkout.folder.name

    def __enter__(self) -> Recorded:
        return self

    def __exit__(self, *error: object) -> None: ...

    def ask(self) -> None:
        self.turns.append(self.side)

    def answer(self) -> float:
        return float(len(self.turns))


def test_sides_take_turns_and_which_begins_is_drawn(monkeypatch: pytest.MonkeyPatch, trivial: Trivial) -> None:
    monkeypatch.setattr(pairs, "Worker", Recorded)
    sides = {side: Checkout("", Path(side)) for side in ("base", "head")}
    begun = set()
    for seed in range(10):
        Recorded.turns = []
        measure(trivial("any", "seconds"), sides, random.Random(seed))
        first, second = Recorded.turns[:2]
        assert {first, second} == {"base", "head"}
        # A warm-up call of each, then the turns.
        assert Recorded.turns[2:] == [first, second, second, first] * (TURNS // 2)
        begun.add(first)
    assert begun == {"base", "head"}


def test_a_steady_drift_cancels(monkeypatch: pytest.MonkeyPatch, trivial: Trivial) -> None:
    monkeypatch.setattr(pairs, "Worker", Recorded)
    monkeypatch.setattr(Recorded, "answer", lambda self: math.exp(0.1 * len(self.turns)))
    sides = {side: Checkout("", Path(side)) for side in ("base", "head")}
    for seed in range(4):
        Recorded.turns = []
        found = measure(trivial("any", "seconds"), sides, random.Random(seed))
        assert isinstance(found, Round)
        assert found.log_ratio == pytest.approx(0.0, abs=1e-12)


def test_slow_calls_are_repeated_less_often(monkeypatch: pytest.MonkeyPatch, trivial: Trivial) -> None:
    monkeypatch.setattr(pairs, "Worker", Recorded)
    # Every call takes 16 s: pairs end after 32 and 64 s.
    monkeypatch.setattr(pairs, "time", SimpleNamespace(monotonic=lambda: 16.0 * len(Recorded.turns)))
    Recorded.turns = []
    found = measure(trivial("any", "seconds"), {side: Checkout("", Path(side)) for side in ("base", "head")}, random.Random(0))
    assert isinstance(found, Round)
    assert len(found.base) == len(found.head) == 2


def test_one_spike_in_a_round_counts_little() -> None:
    calm = list(itertools.repeat(1.0, 7))
    assert Round((1.0, *calm), (50.0, *[1.2] * 7)).log_ratio == pytest.approx(math.log(1.2))
