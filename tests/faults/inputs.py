"""Files that are wrong in one way each."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from villani_verify.cli import main
from villani_verify.runs.unit import canonical, digest
from villani_verify.verification import SCHEMA_VERSION

FACTORIES = """
import os
import signal

import torch

from villani_verify import Landscape


def bowl():
    return Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name="bowl")


def raises():
    raise ValueError("no data here\\nat all")


def none():
    return None


def nan():
    return Landscape.from_function(lambda x: (x * float("nan")).sum(), 2)


def negative():
    return Landscape.from_function(lambda x: -(x**2).sum(), 2)


def random():
    return Landscape.from_function(lambda x: (x**2).sum() * torch.rand(()), 2)


def vector():
    return Landscape.from_function(lambda x: x**2, 2)


def detached():
    return Landscape.from_function(lambda x: (x.detach() ** 2).sum(), 2)


def interrupted():
    calls = []

    def loss(x):
        calls.append(1)
        if len(calls) == 40:
            os.kill(os.getpid(), signal.SIGINT)
        return (x**2).sum()

    return Landscape.from_function(loss, 2, weight_decay=0.1)
"""

PLAN = """landscape = "double-well"
weight_decay = 0.1
radii = [1.0, 10.0]
"""


def file(name: str, content: str | bytes) -> Callable[[Path], None]:
    """Return what makes a file."""

    def prepare(place: Path) -> None:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return prepare


def several(*parts: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return what does one after the other."""

    def prepare(place: Path) -> None:
        for part in parts:
            part(place)

    return prepare


factories = file("factories.py", FACTORIES)


def plan(text: str = "", *, of: str = PLAN) -> Callable[[Path], None]:
    """Return what makes the file of a campaign, with more lines."""
    return file("plan.toml", of + text)


def results(values: object) -> Callable[[Path], None]:
    """Return what makes results.json."""
    return file("results.json", json.dumps(values))


def empty_results(**changes: object) -> dict[str, object]:
    """Return results of no criterion, changed."""
    return {
        "schema_version": SCHEMA_VERSION, "landscape": {"name": "bowl", "dimension": 2, "weight_decay": 0.1, "request": None},
        "environment": {}, "seed": 0, "budget": "quick", "engine": "auto", "temperatures": [], "criteria": {},
        "verdict_as_expected": True, "notes": [],
    } | changes  # fmt: skip


def model(config: Mapping[str, object] | str, **files: bytes) -> Callable[[Path], None]:
    """Return what makes a model's directory; a file's name is written with two underscores for its dot."""

    def prepare(place: Path) -> None:
        (place / "model").mkdir()
        text = config if isinstance(config, str) else json.dumps(config)
        (place / "model" / "config.json").write_text(text, encoding="utf-8")
        for name, content in files.items():
            (place / "model" / name.replace("__", ".")).write_bytes(content)

    return prepare


@lru_cache(maxsize=1)
def _finished() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="villani-fault-campaign-"))
    (directory / "plan.toml").write_text(PLAN, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert main(["campaign", str(directory / "plan.toml"), "--out", str(directory / "done")]) == 0
    return directory


def campaign(change: Callable[[Path], None] = lambda directory: None, *, to: str = "done") -> Callable[[Path], None]:
    """Return what puts a finished campaign and its plan into the directory, and changes it."""

    def prepare(place: Path) -> None:
        shutil.copy(_finished() / "plan.toml", place)
        shutil.copytree(_finished() / "done", place / to)
        change(place / to)

    return prepare


def edited(statement: str) -> Callable[[Path], None]:
    """Return a change of a store by a statement of SQL, after which the checksum of what it says about itself is right."""

    def change(directory: Path) -> None:
        with contextlib.closing(sqlite3.connect(directory / "runs.sqlite")) as connection, connection:
            connection.execute(statement)
            about = dict(connection.execute("SELECT name, value FROM about WHERE name <> 'checksum'"))
            connection.execute("UPDATE about SET value = ? WHERE name = 'checksum'", (digest(canonical(about)),))

    return change


def cut_in_half(directory: Path) -> None:
    """Truncate a store."""
    path = directory / "runs.sqlite"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@contextmanager
def working(lock: str) -> Iterator[None]:
    """Hold a campaign, as another process does that is at work."""
    with FileLock(lock):
        yield


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 20 kB, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def impatient() -> Iterator[None]:
    """Wait for a scheduler for one second only."""
    from villani_verify.runs.executors import dask

    before = dask._PATIENCE
    dask._PATIENCE = "1s"
    try:
        yield
    finally:
        dask._PATIENCE = before
