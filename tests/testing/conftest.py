from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OF_THE_OUTER_RUN = ("CI", "GITHUB_ACTIONS", "GITHUB_TOKEN", "VILLANI_HYPOTHESIS_PROFILE", "VILLANI_SHARED_EXAMPLES")

RunPytest = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_pytest() -> RunPytest:
    """Return a function that runs pytest in a process of its own, with the plugin whether or not the package is installed."""

    def run(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        installed = any(e.value == "villani_verify.pytest_plugin" for e in entry_points(group="pytest11"))
        plugin = [] if installed else ["-p", "villani_verify.pytest_plugin"]
        # An xdist worker's variables would make the inner run take itself for one.
        outside = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST") and k not in OF_THE_OUTER_RUN}
        path = os.pathsep.join([str(directory), str(ROOT), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".", *plugin, *arguments],
            cwd=directory, capture_output=True, text=True, timeout=240, env={**outside, "PYTHONPATH": path, **environment},
        )  # fmt: skip

    return run
