from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from villani_verify.testing.profiles import PROFILES, explicit_settings, load_profile, register_profiles

ROOT = Path(__file__).resolve().parents[2]

# Prints the profile in force inside a worker of a pytest run, as the properties see it.
PROBE = """
import json
from hypothesis import settings
def test_probe(record_property):
    s = settings()
    shown = {
        "name": settings.get_current_profile_name(), "max_examples": s.max_examples, "derandomize": s.derandomize,
        "database": type(s.database).__name__, "deadline": s.deadline, "print_blob": s.print_blob,
        "phases": [p.name for p in s.phases], "health": [c.name for c in s.suppress_health_check],
        "several": s.report_multiple_bugs,
    }
    with open("profile.json", "w") as f:
        json.dump(shown, f)
"""


def profile_in_force(directory: Path, *arguments: str, **environment: str) -> dict:
    directory.joinpath("conftest.py").write_text(ROOT.joinpath("properties", "conftest.py").read_text())
    directory.joinpath("test_probe.py").write_text(PROBE)
    own = [] if _installed() else ["-p", "villani_verify.pytest_plugin"]
    usual = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", "."]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *usual, *own, *arguments, "."],
        cwd=directory, capture_output=True, text=True, timeout=120,
        env={**_without_ci(), "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), **environment},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(directory.joinpath("profile.json").read_text())


def _without_ci() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "VILLANI_HYPOTHESIS_PROFILE")}


def _installed() -> bool:
    from importlib.metadata import entry_points

    return any(e.value == "villani_verify.pytest_plugin" for e in entry_points(group="pytest11"))


def test_under_ci_the_nightly_still_draws_new_examples_and_keeps_failures(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    found = profile_in_force(tmp_path, "--hypothesis-profile=nightly", "-n", "1", CI="true")
    assert found["name"] == "nightly"
    assert found["derandomize"] is False
    assert found["database"] == "DirectoryBasedExampleDatabase"
    assert found["max_examples"] == 300
    assert found["deadline"] is None
    assert found["health"] == ["too_slow"]
    assert found["several"] is False
    assert "shrink" in found["phases"]


def test_under_ci_the_default_is_dev_and_not_the_built_in_ci(tmp_path: Path) -> None:
    found = profile_in_force(tmp_path, CI="true")
    assert (found["name"], found["derandomize"], found["max_examples"]) == ("dev", False, PROFILES["dev"]["max_examples"])


def test_the_environment_chooses_unless_the_option_does(tmp_path: Path) -> None:
    assert profile_in_force(tmp_path, VILLANI_HYPOTHESIS_PROFILE="gpu")["name"] == "gpu"
    assert profile_in_force(tmp_path, "--hypothesis-profile=pr", VILLANI_HYPOTHESIS_PROFILE="gpu")["name"] == "pr"


def test_an_unknown_name_in_the_environment_is_one_line(tmp_path: Path) -> None:
    wanted = r"ERROR: VILLANI_HYPOTHESIS_PROFILE='nightley': no such profile; .*did you mean 'nightly'"
    with pytest.raises(AssertionError, match=wanted):
        profile_in_force(tmp_path, VILLANI_HYPOTHESIS_PROFILE="nightley")


def test_nothing_is_left_to_inherit() -> None:
    known = set(settings.get_profile("default").__class__.__init__.__kwdefaults__)
    for name in PROFILES:
        assert set(explicit_settings(name)) >= known, f"profile {name} leaves something to its parent"


def test_what_distinguishes_the_profiles() -> None:
    register_profiles()
    pr, gpu, nightly = (settings.get_profile(n) for n in ("pr", "gpu", "nightly"))
    assert pr.derandomize
    assert pr.database is None
    assert Phase.shrink not in gpu.phases
    assert Phase.generate in gpu.phases
    assert nightly.max_examples > pr.max_examples > settings.get_profile("dev").max_examples
    assert all(settings.get_profile(n).deadline is None for n in PROFILES)


def test_load_profile_by_name() -> None:
    before = settings.get_current_profile_name()
    try:
        load_profile("pr")
        assert settings.get_current_profile_name() == "pr"
    finally:
        settings.load_profile(before)
