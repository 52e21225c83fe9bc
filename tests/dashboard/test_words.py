from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from dashboard import words
from dashboard.history import History, Series
from dashboard.speed import speeds


def test_dates() -> None:
    assert words.day(datetime(2026, 11, 5, 4, 7)) == "5 November 2026"
    assert words.minute(datetime(2026, 11, 5, 4, 7)) == "5 Nov 2026, 04:07 UTC"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.0, "as fast as"),
        (1.0099, "as fast as"),
        (0.9901, "as fast as"),
        (1.02, "2\u00a0% faster than"),
        (1.07, "7\u00a0% faster than"),
        (0.93, "7\u00a0% slower than"),
        (1.99, "99\u00a0% faster than"),
        (2.5, "2.5 times as fast as"),
        (0.4, "60\u00a0% slower than"),
    ],
)
def test_changes(ratio: float, text: str) -> None:
    assert words.change(ratio) == text


@pytest.mark.parametrize(("ratio", "tone"), [(0.94, "bad"), (0.96, "even"), (1.0, "even"), (1.04, "even"), (1.06, "good")])
def test_tones(ratio: float, tone: str) -> None:
    assert words.tone(ratio) == tone


@pytest.mark.parametrize(("days", "text"), [(30, "30 days ago"), (45, "45 days ago"), (29, "at the first result")])
def test_what_a_speed_is_compared_with(series: Callable[..., Series], now: datetime, days: int, text: str) -> None:
    (speed,) = speeds(History((series(1.0, 2.0, days=days),), {}, 0), now)
    assert words.compared_with(speed, now) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0 s"), (3.24, "3.2 s"), (119.0, "119 s"), (120.0, "2 min"), (3600.0, "60 min"), (9000.0, "2.5 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (1.2345, "seconds", "1.23 s"),
        (0.0123456, "seconds", "12.3 ms"),
        (4.53e8, "bytes", "453 MB"),
        (1.234e9, "bytes", "1.23 GB"),
        (0.5, "", "0.5"),
        (0.5, "bits", "0.5 bits"),
    ],
)
def test_values(number: float, unit: str, text: str) -> None:
    assert words.value(number, unit) == text


@pytest.mark.parametrize(
    ("about", "text"),
    [
        ({}, ""),
        ({"cpu": "Some CPU", "num_cpu": "4", "ram": str(16 * 2**30), "os": "Linux"}, "Some CPU, 4 processors, 16 GiB"),
        ({"ram": "16GB"}, "16GB"),
    ],
)
def test_machines(about: dict[str, str], text: str) -> None:
    assert words.machine(about) == text
