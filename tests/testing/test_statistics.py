from __future__ import annotations

import json
from pathlib import Path

import pytest

from villani_verify.errors import RequestError
from villani_verify.testing.statistics import PropertyRun, check_writable

# A decorated property, a claim inside a plain function, and a state machine, of which Hypothesis prints only the first.
PROPERTIES = """
from hypothesis import assume, event, given, settings, strategies as st, target
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from villani_verify import Landscape
from villani_verify.testing.claims import check_claim

@settings(max_examples=20)
@given(st.integers(0, 10**9))
def test_decorated(n):
    event("parity: " + ("odd" if n % 2 else "even"))
    target(n, label="n")
    assume(n % 3)

def test_claim():
    bowl = Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name="bowl")
    def refute(n):
        event("looked at")
    check_claim(bowl, "quadratic_growth", st.integers(0, 10**9), refute)

class Machine(RuleBasedStateMachine):
    @rule()
    def step(self): event("stepped")

def test_machine():
    run_state_machine_as_test(Machine, settings=settings(max_examples=3))

@settings(max_examples=20)
@given(st.integers(0, 100))
def test_failing(n):
    assert n < 50

def test_plain(): pass
"""


@pytest.fixture
def properties(tmp_path: Path) -> Path:
    tmp_path.joinpath("test_some.py").write_text(PROPERTIES)
    return tmp_path


@pytest.mark.parametrize("workers", ["0", "2"])
def test_all_properties_are_in_the_file(properties: Path, run_pytest, workers: str) -> None:
    pytest.importorskip("xdist")
    found = run_pytest(properties, "-n", workers, "--villani-statistics", "out.json", "--hypothesis-profile=pr")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "statistics of 4 properties: out.json" in found.stdout
    whole = json.loads(properties.joinpath("out.json").read_text())
    assert (whole["schema_version"], whole["profile"]) == (1, "pr")
    rows = {row["property"].partition("::")[2]: row for row in whole["properties"]}
    assert list(rows) == ["test_claim", "test_decorated", "test_failing", "test_machine"]

    decorated = rows["test_decorated"]
    assert (decorated["outcome"], decorated["examples"], decorated["failing"], decorated["shrinks"]) == ("passed", 20, 0, 0)
    assert decorated["invalid"] > 0
    assert decorated["events"]["parity: odd"] + decorated["events"]["parity: even"] == pytest.approx(100, abs=0.02)
    assert 0 < decorated["best_targets"]["n"] <= 10**9
    assert decorated["stopped_because"] == "settings.max_examples=20"
    assert 0 < decorated["seconds_per_example"] * 20 <= decorated["seconds"]

    assert (rows["test_claim"]["examples"], rows["test_claim"]["events"]) == (25, {"looked at": 100.0})
    assert (rows["test_machine"]["examples"], rows["test_machine"]["events"]) == (3, {"stepped": 100.0})
    failing = rows["test_failing"]
    assert failing["outcome"] == "failed"
    assert failing["failing"] >= 1
    assert failing["shrinks"] >= 1


def test_hypothesis_prints_those_in_plain_functions_too(properties: Path, run_pytest) -> None:
    found = run_pytest(properties, "--hypothesis-show-statistics", "-k", "not failing")
    assert found.returncode == 0, found.stdout + found.stderr
    assert not list(properties.glob("*.json"))
    for name in ("test_decorated", "test_claim", "test_machine"):
        assert f"test_some.py::{name}:\n\n  - during generate phase" in found.stdout
    assert "% , looked at" in found.stdout.replace("%,", "% ,")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".", r"--villani-statistics \.: it is a directory; give a file, such as statistics.json"),
        ("nowhere/out.json", "--villani-statistics nowhere/out.json: directory nowhere does not exist; make it first"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_first(properties: Path, run_pytest, monkeypatch, path: str, message: str) -> None:
    monkeypatch.chdir(properties)
    with pytest.raises(RequestError, match=f"^{message}$"):
        check_writable(Path(path))
    found = run_pytest(properties, "--villani-statistics", path)
    assert found.returncode == pytest.ExitCode.USAGE_ERROR
    assert len([line for line in found.stderr.splitlines() if line]) == 1
    assert found.stderr.startswith("ERROR: --villani-statistics")


def test_phases_are_added_up() -> None:
    def case(status: str, runtime: float, *events: str) -> dict:
        return {"status": status, "runtime": runtime, "events": list(events)}

    run = PropertyRun.of(
        {
            "reuse-phase": {"test-cases": [case("valid", 1.0, "a")]},
            "generate-phase": {
                "test-cases": [case("invalid", 2.0), case("overrun", 0.5), case("interesting", 4.0, "a", "x" * 500)]
            },
            "shrink-phase": {"test-cases": [case("interesting", 8.0, "b"), case("valid", 16.0)]},
            "targets": {"n": 3.0},
            "stopped-because": "nothing left to do",
        }
    )
    assert run == PropertyRun(
        examples=2, invalid=2, failing=1, shrinks=2, seconds=31.5, seconds_per_example=2.5,
        events={"a": 50.0, "x" * 119 + "…": 25.0}, best_targets={"n": 3.0}, stopped_because="nothing left to do",
    )  # fmt: skip


def test_nothing_was_run() -> None:
    run = PropertyRun.of({})
    assert (run.examples, run.seconds_per_example, run.events) == (0, None, {})
