from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import Phase

from villani_verify.testing.profiles import PROFILES, explicit_settings

ROOT = Path(__file__).resolve().parents[2]

# Writes down what holds inside a property while it runs, and what it was given.
PROBE = """
import json
from pathlib import Path

from hypothesis import example, given, settings, strategies as st

SEEN = {"drawn": []}

@example(-1)
@given(st.integers(0, 2**62))
def test_probe(n):
    SEEN["drawn"].append(n)
    SEEN["profile"] = settings.get_current_profile_name()
    SEEN["settings"] = {name: repr(getattr(settings(), name)) for name in NAMES}
    Path("seen.json").write_text(json.dumps(SEEN))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory with `properties/` as in the repository, with a probe in place of the properties."""
    names = list(explicit_settings("dev"))
    tmp_path.joinpath("properties").mkdir()
    shutil.copy(ROOT / "properties" / "conftest.py", tmp_path / "properties")
    tmp_path.joinpath("properties", "test_probe.py").write_text(f"NAMES = {names!r}\n{PROBE}")
    return tmp_path


def seen(checkout: Path, run_pytest, *arguments: str, **environment: str) -> dict:
    checkout.joinpath("seen.json").unlink(missing_ok=True)
    found = run_pytest(checkout, "properties", *arguments, CI="true", GITHUB_ACTIONS="true", **environment)
    assert found.returncode == 0, found.stdout + found.stderr
    return json.loads(checkout.joinpath("seen.json").read_text())


def declared(name: str) -> dict[str, str]:
    return {key: repr(value) for key, value in explicit_settings(name).items()}


@pytest.mark.parametrize("name", PROFILES)
def test_every_setting_is_in_force_under_ci(checkout: Path, run_pytest, name: str) -> None:
    found = seen(checkout, run_pytest, f"--hypothesis-profile={name}")
    assert found["profile"] == name
    assert found["settings"] == declared(name)
    new = len(found["drawn"]) - 1
    assert new == (PROFILES[name]["max_examples"] if Phase.generate in PROFILES[name]["phases"] else 0)


@pytest.mark.parametrize(("name", "same"), [("pr", True), ("nightly", False)])
def test_only_pr_draws_the_same_examples_twice_under_ci(checkout: Path, run_pytest, name: str, same: bool) -> None:
    first, second = (seen(checkout, run_pytest, f"--hypothesis-profile={name}")["drawn"] for _ in range(2))
    assert (first == second) is same


def test_xdist_workers_and_the_default_profile_under_ci(checkout: Path, run_pytest) -> None:
    pytest.importorskip("xdist")
    found = seen(checkout, run_pytest, "-n", "1")
    assert found["profile"] == "dev"
    assert found["settings"] == declared("dev")


def test_shared_examples_are_in_force_under_ci(checkout: Path, run_pytest, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.joinpath("shared").mkdir()
    found = seen(checkout, run_pytest, "--hypothesis-profile=nightly", VILLANI_SHARED_EXAMPLES="shared")
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("VILLANI_SHARED_EXAMPLES", "shared")
    assert "ReadOnlyDatabase" in declared("nightly")["database"]
    assert found["settings"] == declared("nightly")
