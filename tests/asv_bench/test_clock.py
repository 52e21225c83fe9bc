from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
import torch

Bench = Callable[[str], ModuleType]


@pytest.fixture
def clock(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The module, with a clock that stands still unless `spend` moves it."""
    module, now = bench("clock"), [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def spend(*seconds: float) -> Callable[[], None]:
        left = list(seconds)

        def call() -> None:
            now[0] += left.pop(0)

        return call

    return SimpleNamespace(module=module, spend=spend)


def test_the_median_of_the_calls_counts(clock: SimpleNamespace) -> None:
    assert clock.module.median_seconds(clock.spend(1, 100, 2), "cpu", repeats=3) == 2


def test_ratios_are_of_neighbours(clock: SimpleNamespace) -> None:
    # The machine slows down tenfold on the way; no pair notices.
    assert clock.module.median_ratio(clock.spend(3, 30, 300), clock.spend(1, 10, 100), "cpu", repeats=3) == 3


def test_a_gpu_finishes_inside_the_measured_time(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "synchronize", clock.spend(5))
    assert clock.module.seconds_of(clock.spend(1), "cuda") == 6
    assert clock.module.seconds_of(clock.spend(1), "cpu") == 1
