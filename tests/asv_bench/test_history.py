from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARK = """
class Speed:
    unit = "seconds"

    def track_seconds(self):
        import colour

        return colour.SECONDS

"""
CONFIGURATION = {
    "version": 1,
    "project": "colour",
    "repo": "..",
    "branches": ["main"],
    "environment_type": "virtualenv",
    "benchmark_dir": "benchmarks",
    "env_dir": ".asv/env",
    "results_dir": "results/asv",
    "html_dir": ".asv/html",
    "build_command": ["python -m pip wheel --no-deps -w {build_cache_dir} {build_dir}"],
}


@pytest.mark.slow
def test_commits_are_measured_published_and_counted(tmp_path: Path) -> None:
    if importlib.util.find_spec("asv") is None or shutil.which("git") is None:
        pytest.skip("asv or git is not installed")
    folder = tmp_path / "asv_bench"
    (folder / "benchmarks").mkdir(parents=True)
    shutil.copy(ROOT / "asv_bench" / "history.py", folder)
    (folder / "asv.conf.json").write_text(json.dumps(CONFIGURATION))
    (folder / "benchmarks" / "__init__.py").touch()
    (folder / "benchmarks" / "speed.py").write_text(BENCHMARK)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "colour"\nversion = "1"\n[tool.setuptools]\npy-modules = ["colour"]\n'
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ASV_"))}
    env = kept | {"HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": os.devnull}
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "test", f"GIT_{who}_EMAIL": "test@example.org"}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600)

    run("git", "init", "-q", "-b", "main", str(tmp_path))
    for seconds in ("1.0", "1.0", "1.2 if __debug__ else None", "no number"):
        (tmp_path / "colour.py").write_text(f"SECONDS = {seconds}\n")
        run("git", "add", "-A", "..", ":!results", ":!.asv")
        assert run("git", "commit", "-q", "--allow-empty", "-m", seconds).returncode == 0
    run(sys.executable, "-m", "asv", "machine", "--yes", "--machine", "here")
    done = run(sys.executable, "history.py", "--commits", "3", "--branch", "main~1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 commits on the site" in done.stdout
    # The newest one has no number: it cannot be imported.
    newest = run("git", "rev-parse", "--short=8", "main").stdout.strip()
    done = run(sys.executable, "history.py", "--commits", "2", "--branch", "main")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"1 of 2 commits on the site; not {newest}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--commits", "0"], "--commits 0: give at least 1"), (["--branch", "no-such"], "--branch no-such: fatal: bad revision")],
)
def test_wrong_requests_get_one_line(arguments: list[str], message: str) -> None:
    if importlib.util.find_spec("asv") is None or shutil.which("git") is None:
        pytest.skip("asv or git is not installed")
    command = [sys.executable, str(ROOT / "asv_bench" / "history.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
