"""Ranges of the time left, in campaigns that are simulated: units of known length, workers that take the next one."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from villani_verify.runs.time_left import TimeLeft, first_of_each

Group = tuple[str, int, float]

CAMPAIGNS: dict[str, list[Group]] = {
    "alike": [("a", 150, 1.0)],
    "two kinds": [("gradient", 80, 0.1), ("probes", 80, 3.0)],
    "landscapes one after another": [
        (f"{kind}{i}", 30, mean * (1 + i)) for i in range(4) for kind, mean in (("gradient", 0.1), ("probes", 1.0))
    ],
    "a few long units at the end": [
        ("gradient", 200, 0.1), ("probes", 200, 0.5), *((f"criterion{i}", 6, 20.0 * i) for i in (1, 2, 3)),
    ],
    "many small groups": [(f"{i}", 6, 1 + i / 10) for i in range(30)],
}  # fmt: skip


def looks(groups: Sequence[Group], workers: int, scatter: float, rng: np.random.Generator, count: int = 60) -> list[bool | None]:
    """Return, at times spread evenly over a campaign, whether the range holds what is left; None where there is no range."""
    labels = dict(enumerate(name for name, n, _ in groups for _ in range(n)))
    means = {name: mean for name, _, mean in groups}
    busy: list[float] = []
    ends = []
    for number in first_of_each(labels):
        begun = heapq.heappop(busy) if len(busy) == workers else 0.0
        seconds = means[labels[number]] * float(rng.lognormal(-(scatter**2) / 2, scatter))
        heapq.heappush(busy, begun + seconds)
        ends.append((begun + seconds, labels[number], seconds))
    ends.sort()
    end = ends[-1][0]
    left = TimeLeft(Counter(labels.values()))
    held: list[bool | None] = []
    place = 0
    for now in np.linspace(0, end, count, endpoint=False)[1:]:
        while ends[place][0] <= now:
            left.finished(*ends[place][1:])
            place += 1
        found = left.range(float(now), workers)
        held.append(None if found is None else found[0] <= end - now <= found[1])
    return held


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("name", CAMPAIGNS)
def test_ranges_hold_in_nine_looks_of_ten(name: str, workers: int) -> None:
    # Looks of one campaign are not independent, so the budget is over campaigns: over 120 of them the share that holds was 0.95 or
    # more in each of these cases, and the mean of 24 shares scatters by at most 0.021, so that 0.9 is 2.6 standard errors below.
    rng = np.random.default_rng(7)
    shares = []
    for campaign in range(24):
        held = [h for h in looks(CAMPAIGNS[name], workers, (0.05, 0.3)[campaign % 2], rng) if h is not None]
        assert held
        shares.append(np.mean(held))
    assert np.mean(shares) >= 0.9, shares


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_range_is_known_before_half_of_the_time_is_over(name: str) -> None:
    held = looks(CAMPAIGNS[name], 2, 0.2, np.random.default_rng(0))
    assert None not in held[len(held) // 2 :]


def test_ranges_narrow_to_nothing() -> None:
    left = TimeLeft({"a": 100})
    widths = []
    for i in range(100):
        left.finished("a", 1.0 + (i % 2) / 10)
        found = left.range(1.05 * (i + 1), 1)
        widths.append(math.inf if found is None else found[1] - found[0])
    assert widths[0] == math.inf
    assert widths[10] > widths[50] > widths[98] > 0
    assert widths[99] == 0


def test_nothing_is_said_while_a_group_is_unknown() -> None:
    left = TimeLeft({"short": 20, "long": 1})
    for _ in range(20):
        left.finished("short", 0.1)
    assert left.range(2.0, 1) is None
    left.dropped("long")
    assert left.range(2.0, 1) == (0.0, 0.0)


def test_workers_that_wait_are_counted() -> None:
    # Half of the time of one worker goes elsewhere: 50 units of 1 s take 100 s.
    left = TimeLeft({"a": 100})
    for _ in range(50):
        left.finished("a", 1.0)
    low, high = left.range(100.0, 1) or (0.0, 0.0)
    assert low <= 100 <= high
    assert high < 110


def test_units_that_fail_leave() -> None:
    left = TimeLeft({"a": 20})
    for _ in range(10):
        left.finished("a", 1.0)
    for _ in range(10):
        left.dropped("a")
    assert left.range(10.0, 1) == (0.0, 0.0)


@given(st.lists(st.integers(0, 4), max_size=60))
def test_the_first_of_each_come_first_and_none_is_lost(groups: list[int]) -> None:
    labels = {10 * i: f"group {g}" for i, g in enumerate(groups)}
    order = first_of_each(labels)
    assert sorted(order) == list(labels)
    seen: Counter[str] = Counter()
    turns = []
    for number in order:
        turns.append(min(seen[labels[number]], 5))
        seen[labels[number]] += 1
    assert turns == sorted(turns)
    for turn in range(6):  # and what is alike keeps its order
        same = [number for number, t in zip(order, turns, strict=True) if t == turn]
        assert same == sorted(same)
