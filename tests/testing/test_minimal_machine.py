from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A machine that has torch, transformers, scipy, hypothesis and pytest only: whatever else is installed here cannot be imported.
BLOCKER = """
import sys

ABSENT = {"matplotlib", "jinja2", "datasets", "asv", "typer", "rich", "click"}

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in ABSENT else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
"""
IMPORTS = """
import blocker, pkgutil, importlib
import villani_verify.testing, villani_verify.pytest_plugin
for module in pkgutil.iter_modules(villani_verify.testing.__path__):
    importlib.import_module(f"villani_verify.testing.{module.name}")
try:
    import matplotlib
except ModuleNotFoundError:
    print("blocked")
"""
PROFILE = """
import blocker
from hypothesis import settings

settings.register_profile("few", parent=settings.get_profile("default"), max_examples=2, deadline=None, database=None)
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    tmp_path.joinpath("blocker.py").write_text(BLOCKER)
    tmp_path.joinpath("few.py").write_text(PROFILE)
    return tmp_path


def python(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(machine), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, *arguments], cwd=machine, capture_output=True, text=True, timeout=280, env=environment)


def test_the_strategies_and_the_plugin_import(machine: Path) -> None:
    found = python(machine, "-c", IMPORTS)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "blocked"


def test_the_estimator_properties_run_on_a_transformer(machine: Path) -> None:
    from importlib.metadata import entry_points

    installed = any(e.value == "villani_verify.pytest_plugin" for e in entry_points(group="pytest11"))
    plugins = ["-p", "few"] if installed else ["-p", "few", "-p", "villani_verify.pytest_plugin"]
    found = python(
        machine, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull, "--rootdir", ".", *plugins,
        "--hypothesis-profile=few", "--villani-landscape", "gpt-neo-tiny", str(ROOT / "properties" / "test_estimators.py"),
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    assert " passed" in found.stdout
    assert "failed" not in found.stdout
