from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

Bench = Callable[[str], ModuleType]


@pytest.mark.parametrize("command", ["import", "help"])
def test_starts_take_time(bench: Bench, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(bench("startup"), "REPEATS", 1)
    assert 0.001 < bench("startup").Start().track_seconds(command) < 60


def test_a_command_that_fails_is_no_fast_start(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    startup = bench("startup")
    monkeypatch.setitem(startup.COMMANDS, "help", ("-m", "villani_verify.cli", "--no-such-option"))
    with pytest.raises(RuntimeError, match="exit status 2"):
        startup.Start().track_seconds("help")


def test_a_report_has_a_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench("startup"), "REPEATS", 1)
    report = bench("startup").Report()
    assert report.track_bytes("double-well") > 10_000
    assert report.track_seconds("double-well") > 0
