from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def refuted(run, landscapes, tmp_path) -> Path:
    """Results with one refuted criterion."""
    path = tmp_path / "refuted.json"
    criteria = ("--criteria", "quadratic_growth,smoothness")
    assert run("verify", "--landscape", f"{landscapes}:valley", *criteria, "--json", path).status == 1
    return path


@pytest.fixture
def code(landscapes) -> tuple[str, str]:
    """The option that has the landscape's file run."""
    return "--landscape", f"{landscapes}:valley"


def test_a_witness_of_results_is_reproduced(run, refuted, code):
    outcome = run("replay", refuted, *code)
    assert outcome.status == 0
    assert "Quadratic growth" in outcome.out
    assert outcome.out.rstrip().endswith("\nreproduced")
    assert "claimed" in outcome.out
    assert "now" in outcome.out


def test_a_witness_alone_is_enough_in_a_file_or_as_text(run, refuted, code, tmp_path):
    witness = json.loads(refuted.read_text(encoding="utf-8"))["criteria"]["quadratic_growth"]["witness"]
    text = json.dumps(witness)
    (tmp_path / "witness.json").write_text(text, encoding="utf-8")
    for source in (text, tmp_path / "witness.json"):
        found = json.loads(run("replay", source, *code, "--json", "-").out)
        assert found["reproduced"] is True
        assert [r["criterion"] for r in found["replays"]] == ["quadratic_growth"]


def test_a_report_directory_can_be_replayed(run, landscapes, code, tmp_path):
    run("verify", "--landscape", f"{landscapes}:valley", "--criteria", "quadratic_growth", "--out", tmp_path / "report")
    assert run("replay", tmp_path / "report", *code, "--criterion", "quadratic_growth").status == 0


def test_on_another_landscape_it_is_not_reproduced(run, refuted, code):
    outcome = run("replay", refuted, *code, "--weight-decay", "0.5")
    assert outcome.status == 1
    assert outcome.out.rstrip().endswith("\nnot reproduced")


def test_every_witness_must_be_reproduced(run, refuted, code):
    results = json.loads(refuted.read_text(encoding="utf-8"))
    slow = results["criteria"]["quadratic_growth"]["witness"]
    elsewhere = {"type": "ray", "kind": "isotropic", "seed": 0, "index": 0, "base": "origin", "tensor": None}
    results["criteria"]["gaussian_tails"] = {"witness": slow | {"family": elsewhere}}
    refuted.write_text(json.dumps(results), encoding="utf-8")
    outcome = run("replay", refuted, *code, "--json", "-")
    found = json.loads(outcome.out)
    assert [r["reproduced"] for r in found["replays"]] == [True, False]
    assert (outcome.status, found["reproduced"]) == (1, False)


def test_code_that_a_file_names_is_run_only_where_it_is_asked_for(run, refuted, landscapes):
    results = json.loads(refuted.read_text(encoding="utf-8"))
    for source in (refuted, json.dumps(results["criteria"]["quadratic_growth"]["witness"])):
        outcome = run("replay", source)
        assert outcome.status == 2
        assert outcome.out == ""
        (line,) = outcome.err.splitlines()
        assert line.endswith(f"read it, and give --landscape {landscapes}:valley")


def test_a_landscape_can_be_given_where_the_results_name_none(run, refuted, landscapes):
    witness = json.loads(refuted.read_text(encoding="utf-8"))["criteria"]["quadratic_growth"]["witness"]
    del witness["request"]
    without = run("replay", json.dumps(witness))
    assert without.status == 2
    assert "made in Python" in without.err
    assert run("replay", json.dumps(witness), "--landscape", f"{landscapes}:valley").status == 0


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--criterion", "smoothness"], ("criterion 'smoothness'", "no witness", "quadratic_growth")),
        (["--criterion", "smoothnes"], ("criterion 'smoothnes'", "unknown", "'smoothness'")),
        (["--engine", "none"], ("engine 'none'", "unknown")),
    ],
)
def test_options_that_fit_no_witness(run, refuted, arguments, parts):
    outcome = run("replay", refuted, *arguments)
    assert outcome.status == 2
    for part in parts:
        assert part in outcome.err


def test_results_without_a_refutation_have_nothing_to_replay(run, landscapes, tmp_path):
    run("verify", "--landscape", f"{landscapes}:bowl", "--criteria", "quadratic_growth", "--json", tmp_path / "r.json")
    outcome = run("replay", tmp_path / "r.json")
    assert outcome.status == 2
    assert "no criterion was refuted" in outcome.err


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ('{"kind": "nonsense", "request": {"landscape": "double-well"}}', ("'nonsense'", "unknown")),
        ('{"kind": "slow-growth", "request": {"landscape": "double-well"}}', ("witness", "KeyError")),
        ('{"kind": "slow-growth", "request": {"landscape": "double-wel"}}', ("'double-wel'", "'double-well'")),
        ('{"kind": "slow-growth", "request": {"nonsense": 1}}', ("nonsense",)),
        ('{"kind": "slow-growth", "request": 3}', ("request",)),
        ('{"kind": ', ("not JSON",)),
    ],
)
def test_text_that_is_no_witness(run, source, parts):
    outcome = run("replay", source)
    assert outcome.status == 2, outcome
    assert outcome.out == ""
    for part in parts:
        assert part in outcome.err.splitlines()[-1]
