"""A repository of a trivial package with trivial benchmarks, whose commits differ as a test wants."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from gate.checkouts import Checkout
from gate.pairs import Benchmark

PACKAGE = "WORK = {work}\nHELD = {held}\n"
BENCHMARKS = '''
import importlib.util, itertools, os, random, subprocess, sys, time

from asv_runner.benchmarks.mark import SkipNotImplemented

import villani_verify


class Cost:
    params = (["few", "many"], ["cpu", "cuda"])
    param_names = ("calls", "device")
    unit = "seconds"

    def setup(self, calls, device):
        if device == "cuda":
            raise NotImplementedError("no CUDA device")

    def track_seconds(self, calls, device):
        """As on a machine with noise of 3 %: a real clock would have a test fail because another one runs."""
        print("what a benchmark prints is no answer")
        return villani_verify.WORK * {"few": 1, "many": 2}[calls] * random.lognormvariate(0.0, 0.03)


def track_bytes():
    """Peak of a fresh process that holds so many MiB."""
    code = f"held = bytearray({villani_verify.HELD} * 2**20); print(open('/proc/self/status').read())"
    status = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


track_bytes.unit = "bytes"


def time_by_asv():
    pass


# Three samples of 1.
time_by_asv.timer, time_by_asv.number, time_by_asv.repeat, time_by_asv.warmup_time = itertools.count().__next__, 1, 3, 0


def track_where():
    """The package comes from the checkout, and modules of the gate are not in the way."""
    return 1.0 if os.environ["PYTHONPATH"] in sys.path and importlib.util.find_spec("signed_rank") is None else 2.0


class Open:
    unit = "seconds"
    number = 0.0

    def setup_cache(self):
        return 10.0

    def setup(self, cache):
        Open.number += 1

    def track_open(self, cache):
        return cache + Open.number

    def teardown(self, cache):
        Open.number -= 1


def track_negative():
    return -1.0


def track_skipped_late():
    raise SkipNotImplemented("too small")


def track_infinite():
    return float("inf")


def track_raises():
    raise ValueError("two\\nlines")


def track_dies():
    print("last words", file=sys.stderr, flush=True)
    os._exit(7)


def track_sleeps():
    time.sleep(60)


track_sleeps.timeout = 0.5


def track_renamed():
    return float(villani_verify.NEW)
'''


class Repository:
    """A git repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        self.env = kept | {"GIT_CONFIG_GLOBAL": os.devnull}
        for who in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{who}_NAME": "test", f"GIT_{who}_EMAIL": "test@example.org"}
        folder.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.strip()

    def commit(self, files: dict[str, str]) -> str:
        """Write the files, commit them and return the hash."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.git("add", ".")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def package(self, *, work: float = 1.0, held: int = 100, more: str = "") -> str:
        """Commit the trivial package: so much work in a timed call, so many MiB held."""
        return self.commit({"villani_verify/__init__.py": PACKAGE.format(work=work, held=held) + more})


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    made = Repository(tmp_path / "repository")
    made.commit({"asv_bench/benchmarks/trivial.py": BENCHMARKS, "asv_bench/benchmarks/__init__.py": ""})
    made.package()
    return made


@pytest.fixture
def sides(repository: Repository) -> dict[str, Checkout]:
    """The repository's own files as both sides."""
    return {side: Checkout(repository.git("rev-parse", "HEAD"), repository.folder) for side in ("base", "head")}


@pytest.fixture
def trivial() -> Callable[..., Benchmark]:
    def made(name: str, unit: str = "unit", timeout: float = 60.0) -> Benchmark:
        return Benchmark(f"trivial.{name}", name, unit, timeout)

    return made
