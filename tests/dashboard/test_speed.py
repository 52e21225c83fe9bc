from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.history import History, Point, Series, read_history
from dashboard.speed import DTYPE, ENGINE, SPAN, headlines, per_second, speeds
from villani_verify.errors import RequestError


def history(*series: Series) -> History:
    return History(series, {}, 0)


def test_probes_per_second_are_one_over_the_seconds(series: Callable[..., Series], now: datetime) -> None:
    (found,) = speeds(history(series(0.02, 0.01, days=40)), now)
    assert (per_second(found.now), per_second(found.before)) == (100.0, 50.0)
    assert found.change == 2.0


@pytest.mark.parametrize(
    ("num_days", "spacing", "before"),
    [
        (1, 1, None),
        (2, 1, 0),  # nothing is old enough: the oldest
        (31, 1, 0),  # the oldest is exactly thirty days old
        (40, 1, 9),  # the newest of those that are old enough
        (5, 14, 1),  # 56, 42, 28, 14 and 0 days ago
    ],
)
def test_before_is_the_newest_commit_of_thirty_days_ago(
    series: Callable[..., Series], now: datetime, num_days: int, spacing: int, before: int | None
) -> None:
    made = series(*(1.0 + index for index in range(num_days)), days=spacing)
    (found,) = speeds(history(made), now)
    assert found.now == made.points[-1]
    assert found.before == (None if before is None else made.points[before])


@given(num_days=st.integers(1, 80), spacing=st.integers(1, 40), late=st.integers(0, 50))
def test_before_is_an_older_commit_than_now(num_days: int, spacing: int, late: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    dates = [start + timedelta(days=spacing * k) for k in range(num_days)]
    points = tuple(Point(str(k), d, d, 1.0 + k) for k, d in enumerate(dates))
    now = dates[-1] + timedelta(days=late)
    about = {"landscape": "gpt-neo-tiny", "engine": "taylor", "device": "cpu", "dtype": "float32"}
    made = Series("hutchinson.HutchinsonTime.track_seconds_per_probe", "seconds", "here", about, points)
    (found,) = speeds(history(made), now)
    assert (found.before is None) == (num_days == 1)
    if found.before is not None:
        assert found.before.committed < found.now.committed
        old_enough = [p for p in points[:-1] if now - p.committed >= SPAN]
        assert found.before == (old_enough[-1] if old_enough else points[0])


def test_a_probe_that_takes_no_time_is_an_error(series: Callable[..., Series], now: datetime) -> None:
    (found,) = speeds(history(series(0.5, 0.0)), now)
    with pytest.raises(RequestError, match=r"commit 00000000: 0\.0 seconds a probe cannot be; measure it again"):
        per_second(found.now)


def test_benchmarks_of_another_checkout_are_an_error(series: Callable[..., Series], now: datetime) -> None:
    older = replace(series(0.5), parameters={"landscape": "gpt-neo-tiny", "engine": "taylor", "device": "cpu"})
    with pytest.raises(RequestError, match="track_seconds_per_probe has no parameter 'dtype'; measure with the asv_bench of this"):
        speeds(history(older), now)


def test_a_failure_is_not_now(series: Callable[..., Series], now: datetime) -> None:
    (found,) = speeds(history(series(0.5, 0.25, None)), now)
    assert found.now.value == 0.25


def test_other_benchmarks_and_series_without_a_value_have_no_speed(series: Callable[..., Series], now: datetime) -> None:
    memory = "hutchinson.HutchinsonMemory.track_peak_host_bytes"
    assert speeds(history(series(1e9, benchmark=memory, unit="bytes"), series(None)), now) == ()


def test_the_headline_is_the_default_engine_on_the_largest_landscape_of_each_device(bench: Any, now: datetime) -> None:
    large = "gpt-neo-125m"
    bench.run(
        {
            bench.probe: {bench.tiny: 0.1, ("gpt-neo-small", "taylor", "cpu"): 0.2, (large, "reverse", "cpu"): 0.3,
                          ("gpt-neo-tiny", "taylor", "cuda"): 0.01, (large, "taylor", "cpu", "float64"): 0.5},
            bench.sample: {(large, "taylor", "cpu"): 0.25},
        }
    )  # fmt: skip
    bench.run({bench.probe: {bench.tiny: 0.4}}, machine="there")
    found = headlines(speeds(read_history(bench.folder), now))
    assert [(s.machine, s.device, s.landscape, s.now.value) for s in found] == [
        ("here", "cpu", "gpt-neo-small", 0.2),
        ("here", "cuda", "gpt-neo-tiny", 0.01),
        ("there", "cpu", "gpt-neo-tiny", 0.4),
    ]


def test_the_benchmarks_are_those_of_asv_bench(bench: Any, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "asv_bench"))
    times = importlib.import_module("benchmarks.hutchinson").HutchinsonTime
    bench.run({bench.probe: {bench.tiny: 1.0}, bench.sample: {bench.tiny: 2.0}})
    for speed in speeds(read_history(bench.folder), now):
        topic, owner, method = speed.series.benchmark.split(".")
        assert (topic, owner, getattr(times, method).unit) == ("hutchinson", "HutchinsonTime", "seconds")
        assert tuple(speed.series.parameters) == times.param_names
        assert (speed.landscape, ENGINE, speed.device, DTYPE) in itertools.product(*times.params)
