from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

Bench = Callable[[str], ModuleType]


@pytest.mark.parametrize("executor", ["local", "processes:2", "dask"])
def test_overhead_is_measured(bench: Bench, monkeypatch: pytest.MonkeyPatch, executor: str) -> None:
    monkeypatch.setitem(bench("campaigns").UNITS, executor, 10)
    assert 0 < bench("campaigns").Overhead().track_seconds(executor) < 10


def test_waiting_is_a_share(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench("campaigns"), "BUSY_UNITS", 6)
    assert 0 <= bench("campaigns").Sharing().track_waiting("processes:2") < 1


def test_a_store_is_resumed(bench: Bench) -> None:
    assert bench("campaigns").Store().track_seconds_to_resume(1000) > 0
