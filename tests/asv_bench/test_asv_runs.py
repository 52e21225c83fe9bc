from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
Repository = tuple[Path, dict[str, str]]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    if importlib.util.find_spec("asv") is None:
        pytest.skip("asv is not installed")
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    clone = tmp_path / "clone"
    for name in ("villani_verify", "asv_bench"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__", ".asv", "results"))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ASV_"))}
    # asv keeps its description of the machine in the home folder.
    env = kept | {"HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": os.devnull, "ASV_PYTHONPATH": str(clone), "OMP_NUM_THREADS": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "test", f"GIT_{who}_EMAIL": "test@example.org"}
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "copy"]):
        subprocess.run(["git", *command], cwd=clone, env=env, check=True, timeout=60)
    return clone / "asv_bench", env


def run(repository: Repository, *arguments: str, status: int = 0) -> str:
    folder, env = repository
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_asv_measures_saves_and_counts(repository: Repository) -> None:
    run(repository, "-m", "asv", "machine", "--yes", "--machine", "here")
    assert "No problems found" in run(repository, "-m", "asv", "check", "--python=same")
    assert "there are no results; run asv first" in run(repository, "check_results.py", status=2)
    quick = ("-m", "asv", "run", "--quick", "--python=same", "--set-commit-hash", "HEAD", "--machine", "here", "--bench")
    run(repository, *quick, r"startup.Start.*'import'\)|seconds_per_probe\('gpt-neo-tiny', 'reverse', 'c.*', 'float64'\)")
    said = run(repository, "check_results.py")
    # One combination is that of a GPU.
    measured = 2 if torch.cuda.is_available() else 1
    assert f"hutchinson.HutchinsonTime.track_seconds_per_probe: {measured} measured, {36 - measured} skipped, 0 failed" in said
    assert "startup.Start.track_seconds: 1 measured, 3 skipped, 0 failed" in said
    assert "scaling.Scaling.track_exponent: was not run" in said
    assert f"{measured + 1} measured, 0 failed, " in said
    assert "no results of 0000" in run(repository, "check_results.py", "--commit", "0000", status=2)
    assert "no results of any commit" in run(repository, "check_results.py", "--machine", "there", status=2)


def test_failures_and_empty_runs_are_no_success(repository: Repository) -> None:
    run(repository, "-m", "asv", "machine", "--yes", "--machine", "here")
    (repository[0] / "benchmarks" / "startup.py").write_text(
        """
class Broken:
    params = (["fails", "skips"],)
    param_names = ("how",)

    def setup(self, how):
        if how == "skips":
            raise NotImplementedError

    def track_seconds(self, how):
        raise ValueError("broken")
"""
    )
    quick = ("-m", "asv", "run", "--quick", "--python=same", "--set-commit-hash", "HEAD", "--machine", "here", "--bench")
    run(repository, *quick, "startup.*skips")
    assert "0 measured, 0 failed" in run(repository, "check_results.py", status=1)
    # asv's own status of a run with a failure.
    run(repository, *quick, "startup.*fails", status=2)
    assert "Broken.track_seconds: 0 measured, 1 skipped, 1 failed" in run(repository, "check_results.py", status=1)
