"""What asv has measured: one series for each machine, benchmark and choice of parameters."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.results import Results, iter_results_paths
from asv.util import UserError, is_nan

from dashboard.commits import Commits
from dashboard.reading import read_object
from villani_verify.errors import RequestError

_MACHINE, _BENCHMARKS = "machine.json", "benchmarks.json"
_Key = tuple[str, str, tuple[str, ...]]
"""Benchmark, machine, and asv's text of each parameter."""


@dataclass(frozen=True)
class Point:
    """A benchmark at one commit.

    Attributes:
        commit: full hash.
        committed: date of the commit, UTC, or of a measured ancestor if that is later, as clocks differ.
        measured: when the benchmark ran, UTC.
        value: in the unit of the series; None where the benchmark failed.
    """

    commit: str
    committed: datetime
    measured: datetime
    value: float | None


@dataclass(frozen=True)
class Series:
    """A benchmark on one machine, with one choice of its parameters.

    Attributes:
        benchmark: asv's name of it, such as "hutchinson.HutchinsonTime.track_seconds_per_probe".
        unit: such as "seconds"; lower is better.
        machine: asv's name of it.
        parameters: name → value, both as text.
        points: parents before children, else by date; a commit that was measured several times has its latest value.
    """

    benchmark: str
    unit: str
    machine: str
    parameters: Mapping[str, str]
    points: tuple[Point, ...]

    @property
    def measured(self) -> tuple[Point, ...]:
        """The points that have a value."""
        return tuple(p for p in self.points if p.value is not None)

    @property
    def failed(self) -> bool:
        """Whether the benchmark failed at the newest commit it was tried at."""
        return self.points[-1].value is None

    @property
    def label(self) -> str:
        """Such as "HutchinsonTime, seconds per probe (gpt-neo-tiny, taylor, cpu, float32)"."""
        topic, _, quantity = self.benchmark.rpartition(".")
        name = f"{topic.rpartition('.')[-1]}, {quantity.removeprefix('track_').replace('_', ' ')}"
        return f"{name} ({', '.join(self.parameters.values())})" if self.parameters else name


@dataclass(frozen=True)
class History:
    """All that a folder of results holds.

    Attributes:
        series: by benchmark, machine and parameters, in the benchmark's own order of parameters.
        machines: name → what asv knows about it, such as "cpu" and "ram".
        num_set_aside: results of benchmarks that are gone, or had another code then: they can not be compared.
    """

    series: tuple[Series, ...]
    machines: Mapping[str, Mapping[str, str]]
    num_set_aside: int

    @property
    def newest(self) -> datetime:
        """When the latest of all values was measured, UTC."""
        return max(p.measured for s in self.series for p in s.measured)


def read_history(folder: Path, commits: Commits | None = None, *, aside: Sequence[Path] = ()) -> History:
    """Read asv's folder of results, through asv.

    Args:
        folder: asv's `results_dir`.
        commits: of the repository that was measured; what it does not have is ordered by date alone.
        aside: folders that may lie in it and hold other files.

    Raises:
        RequestError: if it holds no value, or a file that asv cannot read.
    """
    remedy = "measure with `asv run --set-commit-hash HEAD`, or give asv's results_dir"
    if not folder.is_dir():
        raise RequestError(f"results {str(folder)!r}: there is no such folder; {remedy}")
    if not (folder / _BENCHMARKS).is_file():
        raise RequestError(f"results {str(folder)!r}: there is no {_BENCHMARKS}, so nothing was measured; {remedy}")
    benchmarks = _benchmarks(folder)
    found: dict[_Key, dict[str, Point]] = {}
    machines, num_set_aside = {}, 0
    for path, machine in _files(folder, aside):
        machines[machine] = _machine(path.parent / _MACHINE)
        points, num_others = _points(path, machine, benchmarks)
        num_set_aside += num_others
        for key, point in points:
            known = found.setdefault(key, {}).get(point.commit)
            if known is None or known.measured < point.measured:
                found[key][point.commit] = point
    ordered = commits.parents_first({c for points in found.values() for c in points}) if commits else ()
    places = {c: place for place, c in enumerate(ordered)}
    series = tuple(_series(benchmarks, key, found[key], places) for key in sorted(found, key=lambda k: _place(benchmarks, k)))
    if not any(s.measured for s in series):
        raise RequestError(f"results {str(folder)!r}: they hold no value of any benchmark that there is now; {remedy}")
    return History(series, machines, num_set_aside)


def _benchmarks(folder: Path) -> Mapping[str, Any]:
    config = Config()
    config.results_dir = str(folder)
    try:
        return dict(Benchmarks.load(config))
    except (UserError, AttributeError, KeyError, TypeError) as e:
        raise _unreadable(folder / _BENCHMARKS, e) from e


def _files(folder: Path, aside: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    paths = sorted(p for p in folder.rglob("*.json") if p.name not in (_MACHINE, _BENCHMARKS))
    paths = [p for p in paths if not any(p.resolve().is_relative_to(other.resolve()) for other in aside)]
    named: dict[Path, str] = {}
    for parent in dict.fromkeys(p.parent for p in paths):
        # asv only warns of a folder that does not describe its machine; its results would be lost without a word.
        _machine(parent / _MACHINE)
        named |= {Path(root) / name: machine for root, name, machine in iter_results_paths(str(parent))}
    for path in paths:
        yield path, named[path]


def _machine(path: Path) -> dict[str, str]:
    about = read_object(path)
    about.get("machine", str)
    return {name: str(value) for name, value in about.values.items() if name not in ("machine", "version")}


def _points(path: Path, machine: str, benchmarks: Mapping[str, Any]) -> tuple[list[tuple[_Key, Point]], int]:
    """Return the points of a file, and how many of its results can not be compared with those of now."""
    try:
        results = Results.load(str(path), machine_name=machine)
        current = results.get_result_keys(benchmarks)
        points = [((name, machine, choice), p) for name in current for choice, p in _values(results, name)]
        return points, len(set(results.get_all_result_keys()) - current)
    except (UserError, AttributeError, KeyError, TypeError, ValueError) as e:
        raise _unreadable(path, e) from e


def _values(results: Results, name: str) -> Iterator[tuple[tuple[str, ...], Point]]:
    own = results.get_result_params(name)
    committed = _instant(results.date)
    started = results.started_at.get(name)
    measured = committed if started is None else _instant(started)
    for choice, value in zip(itertools.product(*own), results.get_result_value(name, own), strict=True):
        # NaN is a skip: another device, a landscape that was not asked for. None is a failure.
        if not is_nan(value):
            yield choice, Point(results.commit_hash, committed, measured, None if value is None else float(value))


def _series(benchmarks: Mapping[str, Any], key: _Key, points: Mapping[str, Point], places: Mapping[str, int]) -> Series:
    name, machine, values = key
    about = benchmarks[name]
    parameters = dict(zip(about["param_names"], map(_plain, values), strict=False))
    return Series(name, about.get("unit", ""), machine, parameters, _ordered(points.values(), places))


def _ordered(points: Collection[Point], places: Mapping[str, int]) -> tuple[Point, ...]:
    known = sorted((p for p in points if p.commit in places), key=lambda p: places[p.commit])
    others = sorted((p for p in points if p.commit not in places), key=lambda p: p.measured)
    dates = itertools.accumulate((p.committed for p in known), max)
    dated = [replace(p, committed=date) for p, date in zip(known, dates, strict=True)]
    # Sorting keeps the order of what has one date.
    return tuple(sorted([*dated, *others], key=lambda p: p.committed))


def _place(benchmarks: Mapping[str, Any], key: _Key) -> tuple[Any, ...]:
    name, machine, values = key
    known = benchmarks[name]["params"]
    places = tuple(p.index(v) if v in p else len(p) for p, v in zip(known, values, strict=False))
    return name, machine, places, values


def _plain(value: str) -> str:
    """Return a parameter's value without the quotes of its repr."""
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return value


def _instant(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _unreadable(path: Path, error: Exception) -> RequestError:
    why = str(error) or type(error).__name__
    return RequestError(f"{str(path)!r}: asv cannot read it ({why}); measure again or remove it")
