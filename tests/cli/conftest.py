"""Runs the command line in this process, on landscapes of two parameters defined in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from villani_verify.cli import main

LANDSCAPES = '''
from villani_verify import Landscape


def bowl():
    return Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name="bowl")


def valley():
    """No growth along the second axis."""
    return Landscape.from_function(lambda x: x[0] ** 2 + 0 * x[1], 2, name="valley")


def chatty():
    print("hello from the factory")
    return bowl()
'''


@dataclass(frozen=True)
class Outcome:
    """Exit status, standard output and standard error of one command."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands write into the working directory by default, so let it be an empty one."""
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Return a function that runs the command line in this process."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        status = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def landscapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python file with factories of small landscapes."""
    path = tmp_path_factory.mktemp("landscapes") / "landscapes.py"
    path.write_text(LANDSCAPES, encoding="utf-8")
    return path


@pytest.fixture
def environment() -> dict[str, str]:
    """Return the environment of a process that finds this package, installed or not."""
    root = str(Path(__file__).resolve().parents[2])
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
