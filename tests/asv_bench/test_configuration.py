from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def test_environments_of_the_history_have_every_dependency_of_the_package() -> None:
    """The package is installed without them, as torch must come once and not for each commit."""
    config = pytest.importorskip("asv.config").Config.load(str(ROOT / "asv_bench" / "asv.conf.json"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {Requirement(line).name for line in project["dependencies"]}
    assert needed == set(config.matrix["req"])
