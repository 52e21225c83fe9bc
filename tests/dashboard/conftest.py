"""Small folders of results, written by asv itself."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import math
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.machine import Machine
from asv.results import Results
from asv.runner import BenchmarkResult
from asv.util import write_json

from dashboard.history import Point, Series
from villani_verify import Landscape, verify

NOW = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
PROBE = "hutchinson.HutchinsonTime.track_seconds_per_probe"
SAMPLE = "hutchinson.HutchinsonTime.track_seconds_per_sample"
MEMORY = "hutchinson.HutchinsonMemory.track_peak_host_bytes"
LANDSCAPES, ENGINES, DEVICES = ("gpt-neo-tiny", "gpt-neo-small", "gpt-neo-125m"), ("taylor", "reverse"), ("cpu", "cuda")
DTYPES = ("float32", "float64")
CHOICES = list(itertools.product(LANDSCAPES, ENGINES, DEVICES, DTYPES))
TINY = ("gpt-neo-tiny", "taylor", "cpu")

Values = Mapping[tuple[str, ...], float | None]
"""Choice of landscape, engine, device and, unless it is float32, dtype → value, None for a failure; others were skipped."""


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


class Bench:
    """A folder of results that grows as asv would make it grow."""

    probe, sample, memory, tiny = PROBE, SAMPLE, MEMORY, TINY

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = Config()
        config.results_dir = str(folder)
        self.benchmarks = {name: self._benchmark(name) for name in (PROBE, SAMPLE, MEMORY)}
        Benchmarks(config, self.benchmarks.values()).save()

    def run(
        self,
        values: Mapping[str, Values],
        *,
        commit: str = "a" * 40,
        days_ago: float = 0.0,
        machine: str = "here",
        measured: datetime | None = None,
        version: str = "1",
        environment: str = "existing",
        **about: str,
    ) -> None:
        path = self.folder / machine / "machine.json"
        write_json(str(path), {"machine": machine, **about}, Machine.api_version)
        date = int(ago(days_ago).timestamp() * 1000)
        results = Results({"machine": machine, "python": "3.11"}, {}, commit, date, "3.11", environment, {})
        for name, chosen in values.items():
            complete = {(*c, "float32")[:4]: v for c, v in chosen.items()}
            found = [complete.get(c, math.nan) for c in CHOICES]
            nothing = [None] * len(found)
            outcome = BenchmarkResult(found, nothing, nothing, 0, "", None)
            benchmark = self.benchmarks[name] | {"version": version}
            results.add_result(benchmark, outcome, started_at=measured or ago(days_ago), record_samples=False)
        results.save(str(self.folder))

    @staticmethod
    def _benchmark(name: str) -> dict[str, Any]:
        return {
            "name": name, "code": "", "type": "track", "version": "1", "timeout": 60.0,
            "unit": "bytes" if name == MEMORY else "seconds",
            "param_names": ["landscape", "engine", "device", "dtype"],
            "params": [[repr(v) for v in values] for values in (LANDSCAPES, ENGINES, DEVICES, DTYPES)],
        }  # fmt: skip


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def bench_in() -> Callable[[Path], Bench]:
    return Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "results")


@pytest.fixture
def series() -> Callable[..., Series]:
    def make(*values: float | None, days: int = 1, benchmark: str = PROBE, unit: str = "seconds", machine: str = "here") -> Series:
        """The last value is of now, each other one so many days before the next."""
        points = []
        for index, value in enumerate(values):
            date = ago(days * (len(values) - 1 - index))
            points.append(Point(f"{index:040x}", date, date, value))
        return Series(
            benchmark,
            unit,
            machine,
            dict(zip(("landscape", "engine", "device", "dtype"), (*TINY, "float32"), strict=True)),
            tuple(points),
        )

    return make


@pytest.fixture(scope="session")
def write_nightly() -> Callable[..., Path]:
    def write(folder: Path, verdicts: Mapping[str, Any] | None = None, **changes: Any) -> Path:
        """`verdicts`: name of a file in verdicts/ → results."""
        (folder / "verdicts").mkdir(parents=True, exist_ok=True)
        run = {
            "schema_version": 1, "commit": "b" * 40, "started": "2026-11-26T02:00:00+00:00", "finished": "2026-11-26T05:00:00Z",
            "parts": [
                {"name": "properties", "status": "passed", "seconds": 512.25, "summary": "61 properties, 20,000 examples"},
                {"name": "gpu", "status": "skipped", "seconds": 0, "summary": "no device"},
            ],
        }  # fmt: skip
        (folder / "nightly.json").write_text(json.dumps(run | changes))
        for name, results in (verdicts or {}).items():
            (folder / "verdicts" / f"{name}.json").write_text(json.dumps(results))
        return folder

    return write


@pytest.fixture
def nightly_folder(write_nightly: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    return functools.partial(write_nightly, tmp_path / "nightly")


@pytest.fixture(scope="session")
def real_results() -> dict[str, Any]:
    bowl = Landscape.from_function(lambda theta: (theta**2).sum(), 2, weight_decay=0.1, name="bowl")
    return dict(json.loads(json.dumps(verify(bowl, seed=0).as_dict())))


@pytest.fixture(scope="session")
def results_of(real_results: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    def change(name: str = "bowl", **criteria: tuple[str, str | None, bool]) -> dict[str, Any]:
        """Real results under another name; each named criterion gets this status, expectation and agreement."""
        results = copy.deepcopy(real_results)
        results["landscape"]["name"] = name
        for criterion, (status, expected, as_expected) in criteria.items():
            results["criteria"][criterion] |= {"status": status, "expected": expected, "as_expected": as_expected}
        return results

    return change


@pytest.fixture
def comparison(real_comparison: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(real_comparison)


@pytest.fixture(scope="session")
def real_comparison() -> dict[str, Any]:
    """As asv_bench/peers/table.py writes it; the rows of single rounds are left out."""
    return {
        "about": {"torch": "2.13.0", "threads": 2, "system": "Linux", "measured": "2026-11-20T10:00:00+00:00"},
        "options": {"landscape": "gpt-neo-small", "sequences": 1, "sequence_length": 32, "device": "cpu"},
        "table": {
            "forward pass": {"seconds_per_probe": 0.0051234567, "peak_memory_bytes": 4.1e8, "of_the_ceiling": 1.1},
            "taylor": {"seconds_per_probe": 0.0123456789, "peak_memory_bytes": 5.2e8, "relative_error": 3.4e-6},
            "curvlinops": {"error": "ModuleNotFoundError: No module named 'curvlinops'"},
            "PyHessian": {"seconds_per_probe": 0.0456789123, "peak_memory_bytes": 1.3e9, "relative_error": 6e-6},
        },
        "rows": {},
        "traces": {
            "best": {
                "taylor": {"seconds_to_one_per_cent": 5.678912, "gives_interval": True, "covered": 38, "num_runs": 40},
                "PyHessian": {"seconds_to_one_per_cent": 46.12345, "gives_interval": False, "covered": 0, "num_runs": 40},
            }
        },
    }  # fmt: skip


@pytest.fixture(scope="session")
def make_repository() -> Callable[..., list[str]]:
    def make(folder: Path, *subjects: str, dates: Sequence[str] = ()) -> list[str]:
        """Make a repository with a commit for each subject, dated now or then, and return their hashes."""
        folder.mkdir(exist_ok=True)
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        git = ["git", *who, "-C", str(folder)]
        subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
        hashes = []
        for subject, date in itertools.zip_longest(subjects, dates):
            env = os.environ | ({"GIT_COMMITTER_DATE": date} if date else {})
            subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", subject], check=True, env=env)
            done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
            hashes.append(done.stdout.strip())
        return hashes

    return make


@pytest.fixture
def repository(make_repository: Callable[..., list[str]], tmp_path: Path) -> Callable[..., list[str]]:
    return functools.partial(make_repository, tmp_path / "repository")
