from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard.commits import Commits
from dashboard.history import History, Series, read_history
from villani_verify.errors import RequestError

SMALL, GPU = ("gpt-neo-small", "taylor", "cpu"), ("gpt-neo-tiny", "taylor", "cuda")


def only(history: History) -> Series:
    (series,) = history.series
    return series


def test_values_come_back_with_their_commits_and_dates(bench: Any, now: datetime) -> None:
    bench.run({bench.probe: {bench.tiny: 0.0123456789}}, commit="c" * 40, days_ago=5, measured=now - timedelta(days=2))
    history = read_history(bench.folder)
    series = only(history)
    assert (series.benchmark, series.unit, series.machine) == (bench.probe, "seconds", "here")
    assert series.parameters == {"landscape": "gpt-neo-tiny", "engine": "taylor", "device": "cpu", "dtype": "float32"}
    (point,) = series.points
    assert (point.commit, point.value) == ("c" * 40, 0.0123456789)
    assert (point.committed, point.measured) == (now - timedelta(days=5), now - timedelta(days=2))
    assert history.newest == now - timedelta(days=2)


def test_points_are_in_the_order_of_commits_whatever_the_order_of_measuring(bench: Any, now: datetime) -> None:
    for commit, days, value in (("1" * 40, 1, 0.1), ("3" * 40, 3, 0.3), ("2" * 40, 2, 0.2)):
        bench.run({bench.probe: {bench.tiny: value}}, commit=commit, days_ago=days, measured=now + timedelta(hours=days))
    assert [p.value for p in only(read_history(bench.folder)).points] == [0.3, 0.2, 0.1]


def test_points_are_in_the_order_of_the_repository_where_dates_are_not(
    bench: Any, make_repository: Callable[..., list[str]], now: datetime, tmp_path: Path
) -> None:
    hashes = make_repository(tmp_path / "repository", *"abcde")
    # The first two are of one second; the third was made by a clock that is a day behind; the fourth is of another repository.
    dates = dict(zip([*hashes[:3], "f" * 40, hashes[3]], (5.0, 5.0, 6.0, 4.5, 4.0), strict=True))
    for value, commit in enumerate(sorted(dates)):
        bench.run({bench.probe: {bench.tiny: float(value)}}, commit=commit, days_ago=dates[commit])
    points = only(read_history(bench.folder, Commits(tmp_path / "repository"))).points
    assert [p.commit for p in points] == list(dates)
    assert [(now - p.committed) / timedelta(days=1) for p in points] == [5.0, 5.0, 5.0, 4.5, 4.0]


def test_of_several_measurements_of_a_commit_the_latest_counts(bench: Any, now: datetime) -> None:
    for environment, hours, value in (("a", 3, 0.3), ("b", 1, 0.1), ("c", 2, 0.2)):
        measured = now - timedelta(hours=hours)
        bench.run({bench.probe: {bench.tiny: value}}, days_ago=9, measured=measured, environment=environment)
    assert [p.value for p in only(read_history(bench.folder)).points] == [0.1]


def test_a_skip_is_no_point_and_a_failure_is_one_without_a_value(bench: Any) -> None:
    bench.run({bench.probe: {bench.tiny: 0.1}}, commit="1" * 40, days_ago=2)
    bench.run({bench.probe: {bench.tiny: None, SMALL: 0.2}}, commit="2" * 40, days_ago=1)
    tiny, small = read_history(bench.folder).series
    assert [p.value for p in tiny.points] == [0.1, None]
    assert [p.value for p in tiny.measured] == [0.1]
    assert tiny.failed
    assert [p.value for p in small.points] == [0.2]
    assert not small.failed
    bench.run({bench.probe: {bench.tiny: 0.3}}, commit="3" * 40)
    assert [s.failed for s in read_history(bench.folder).series] == [False, False]


def test_a_benchmark_that_failed_altogether_has_failed_everywhere(bench: Any) -> None:
    bench.run({bench.probe: {bench.tiny: 0.1}}, commit="1" * 40, days_ago=2)
    everywhere = {(landscape, engine, device): None for landscape in ("gpt-neo-tiny", "gpt-neo-small", "gpt-neo-125m")
                  for engine in ("taylor", "reverse") for device in ("cpu", "cuda")}  # fmt: skip
    bench.run({bench.probe: everywhere}, commit="2" * 40, days_ago=1)
    series = read_history(bench.folder).series
    assert len(series) == 12
    assert all(s.failed for s in series)


def test_series_are_in_the_benchmarks_own_order_of_landscapes(bench: Any) -> None:
    large = ("gpt-neo-125m", "taylor", "cpu")
    bench.run({bench.probe: {large: 3.0, SMALL: 2.0, bench.tiny: 1.0, GPU: 0.5}})
    choices = [tuple(s.parameters.values())[:3] for s in read_history(bench.folder).series]
    assert choices == [bench.tiny, GPU, SMALL, large]


def test_machines_are_kept_apart_and_described(bench: Any) -> None:
    bench.run({bench.probe: {bench.tiny: 1.0}}, machine="fast", cpu="quick one", ram="8 GB")
    bench.run({bench.probe: {bench.tiny: 2.0}}, machine="slow")
    history = read_history(bench.folder)
    assert [(s.machine, s.points[0].value) for s in history.series] == [("fast", 1.0), ("slow", 2.0)]
    assert history.machines == {"fast": {"cpu": "quick one", "ram": "8 GB"}, "slow": {}}


def test_results_of_another_code_are_counted_and_left_out(bench: Any) -> None:
    bench.run({bench.probe: {bench.tiny: 1.0}, bench.memory: {bench.tiny: 7.0}}, commit="1" * 40, days_ago=2, version="0")
    bench.run({bench.probe: {bench.tiny: 2.0}}, commit="2" * 40)
    history = read_history(bench.folder)
    assert [p.value for p in only(history).points] == [2.0]
    assert history.num_set_aside == 2


def test_other_files_may_lie_in_folders_that_are_named(bench: Any) -> None:
    bench.run({bench.probe: {bench.tiny: 1.0}})
    peers = bench.folder / "peers"
    peers.mkdir()
    (peers / "here.json").write_text("{}")
    assert only(read_history(bench.folder, aside=[peers])).measured
    with pytest.raises(RequestError, match=r"machine\.json'.*cannot be read"):
        read_history(bench.folder)


def broken(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def spoil(path: Path) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return spoil


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("here/aaaaaaaa-existing.json", lambda p: p.write_text("{"), "Error parsing JSON"),
        ("here/aaaaaaaa-existing.json", broken(lambda c: c.pop("version")), "No version"),
        ("here/aaaaaaaa-existing.json", broken(lambda c: c.pop("date")), "missing key 'date'"),
        ("here/aaaaaaaa-existing.json", broken(lambda c: c["params"].update(machine="there")), "machine name is not 'here'"),
        ("here/aaaaaaaa-existing.json", broken(lambda c: c.update(results=7)), "asv cannot read it"),
        ("here/aaaaaaaa-existing.json", broken(lambda c: c.update(date="yesterday")), "asv cannot read it"),
        ("here/machine.json", lambda p: p.unlink(), "cannot be read"),
        ("here/machine.json", lambda p: p.write_text("{}"), "machine: text is needed"),
        ("benchmarks.json", lambda p: p.unlink(), r"no benchmarks\.json, so nothing was measured"),
        ("benchmarks.json", lambda p: p.write_text("[]"), "asv cannot read it"),
    ],
)
def test_a_broken_file_is_named(bench: Any, name: str, spoil: Callable[[Path], object], message: str) -> None:
    bench.run({bench.probe: {bench.tiny: 1.0}})
    spoil(bench.folder / name)
    with pytest.raises(RequestError, match=message):
        read_history(bench.folder)


def test_no_value_is_an_error(bench: Any, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="they hold no value"):
        read_history(bench.folder)
    bench.run({bench.probe: {bench.tiny: None}})
    with pytest.raises(RequestError, match="they hold no value"):
        read_history(bench.folder)
    with pytest.raises(RequestError, match="there is no such folder"):
        read_history(tmp_path / "nowhere")
