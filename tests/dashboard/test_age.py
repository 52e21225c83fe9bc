from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dashboard.age import age_in_words, is_old


@pytest.mark.parametrize(
    ("age", "old"),
    [
        (timedelta(), False),
        (timedelta(days=3), False),
        (timedelta(days=3, seconds=1), True),
        (timedelta(days=400), True),
        (-timedelta(hours=1), False),
        (-timedelta(hours=1, seconds=1), True),
    ],
)
def test_old_is_more_than_three_days_or_in_the_future(now: datetime, age: timedelta, old: bool) -> None:
    assert is_old(now - age, now) is old


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(), "less than an hour old"),
        (-timedelta(minutes=30), "less than an hour old"),
        (timedelta(minutes=59), "less than an hour old"),
        (timedelta(hours=1), "1 hour old"),
        (timedelta(hours=2), "2 hours old"),
        (timedelta(hours=47, minutes=59), "47 hours old"),
        (timedelta(days=2), "2 days old"),
        (timedelta(days=3, hours=23), "3 days old"),
        (timedelta(days=400), "400 days old"),
        (-timedelta(hours=2), "dated in the future: the clock of its machine is wrong"),
    ],
)
def test_words(now: datetime, age: timedelta, words: str) -> None:
    assert age_in_words(now - age, now) == words
