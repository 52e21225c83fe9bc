"""Lint and types are part of the tests, so that one command checks everything."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", ["ruff", "mypy"])
def test_tool_is_installed(module):
    assert run(module, "--version").returncode == 0, f"{module} is missing: pip install -e '.[dev]'"


def test_ruff_finds_nothing():
    found = run("ruff", "check", ".")
    assert found.returncode == 0, found.stdout


def test_mypy_finds_nothing():
    found = run("mypy")
    assert found.returncode == 0, found.stdout
