from __future__ import annotations

import json
import re
import shlex

import pytest

from villani_verify.criteria import CRITERION_NAMES

QUICK = ("--criteria", "quadratic_growth")


def test_default_output_is_a_table_and_a_report_named_after_landscape_and_time(run, landscapes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run("verify", "--landscape", f"{landscapes}:bowl", *QUICK)
    assert outcome.status == 0
    last = outcome.out.splitlines()[-1]
    assert re.fullmatch(r"Report: villani-reports/bowl-\d{8}T\d{6}Z/index\.html", last)
    assert (tmp_path / last.removeprefix("Report: ")).is_file()
    assert "SUPPORTED" in outcome.out
    assert "Quadratic growth" in outcome.out
    assert "bowl: 2 parameters" in outcome.out


def test_all_criteria_are_reported_in_order(run, landscapes, tmp_path):
    outcome = run("verify", "--landscape", f"{landscapes}:bowl", "--out", tmp_path / "report", "--json", tmp_path / "results.json")
    assert outcome.status == 0
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert tuple(results["criteria"]) == CRITERION_NAMES
    assert results["verdict_as_expected"] is True
    assert results["interrupted"] is False
    assert results["landscape"]["request"]["landscape"].endswith("landscapes.py:bowl")
    assert json.loads((tmp_path / "report" / "results.json").read_text(encoding="utf-8")) == results
    summaries = " ".join(outcome.out.split())
    for row in results["criteria"].values():
        assert row["status"].upper().replace("_", " ") in outcome.out
        assert row["summary"].split()[0] in summaries


def test_json_on_standard_output_is_alone_there(run, landscapes):
    outcome = run("verify", "--landscape", f"{landscapes}:chatty", *QUICK, "--json", "-")
    assert outcome.status == 0
    results = json.loads(outcome.out)
    assert list(results["criteria"]) == ["quadratic_growth"]
    assert "hello from the factory" in outcome.err


def test_json_alone_writes_no_report(run, landscapes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run("verify", "--landscape", f"{landscapes}:bowl", *QUICK, "--json", "results.json")
    assert outcome.status == 0
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]
    assert outcome.out.splitlines()[-1] == "Results: results.json"


def test_a_refutation_is_exit_1_and_says_how_to_replay(run, landscapes, tmp_path):
    outcome = run("verify", "--landscape", f"{landscapes}:valley", *QUICK, "--out", tmp_path / "r")
    assert outcome.status == 1
    assert "REFUTED" in outcome.out
    assert "not as expected" in outcome.out
    command = (
        f"villani-verify replay {tmp_path / 'r' / 'results.json'} --criterion quadratic_growth --landscape {landscapes}:valley"
    )
    assert sum(line.endswith(command) for line in outcome.out.splitlines()) == 1
    assert run(*shlex.split(command)[1:]).status == 0
    results = json.loads((tmp_path / "r" / "results.json").read_text(encoding="utf-8"))
    witness = results["criteria"]["quadratic_growth"]["witness"]
    assert witness["request"] == results["landscape"]["request"]


@pytest.mark.parametrize(
    ("factory", "expectation", "status"),
    [
        ("valley", "quadratic_growth=refuted", 0),
        ("valley", "quadratic_growth=supported", 1),
        ("bowl", "quadratic_growth=supported", 0),
        ("bowl", "quadratic_growth=refuted", 1),
    ],
)
def test_expect_decides_the_exit_status(run, landscapes, factory, expectation, status):
    outcome = run("verify", "--landscape", f"{landscapes}:{factory}", *QUICK, "--expect", expectation, "--json", "-")
    assert outcome.status == status
    assert json.loads(outcome.out)["verdict_as_expected"] is (status == 0)


def test_a_landscape_of_the_zoo_knows_its_verdicts(run):
    outcome = run("verify", "--landscape", "rank-deficient-least-squares", *QUICK, "--json", "-")
    assert outcome.status == 0
    assert json.loads(outcome.out)["criteria"]["quadratic_growth"]["status"] == "refuted"


def test_criteria_may_be_listed_with_commas_and_repeated(run, landscapes):
    arguments = ("--criteria", "gaussian_tails, quadratic_growth", "--criteria", "quadratic_growth")
    outcome = run("verify", "--landscape", f"{landscapes}:bowl", *arguments, "--json", "-")
    assert list(json.loads(outcome.out)["criteria"]) == ["quadratic_growth", "gaussian_tails"]


def test_options_reach_the_verification(run, landscapes):
    outcome = run(
        "verify", "--landscape", f"{landscapes}:bowl", "--criteria", "differential_growth_rays", "--temperature", "0.5",
        "--temperature", "2", "--seed", "7", "--engine", "reverse", "--weight-decay", "0.3", "--dtype", "float64",
        "--device", "cpu", "--json", "-",
    )  # fmt: skip
    results = json.loads(outcome.out)
    assert results["temperatures"] == [0.5, 2.0]
    assert results["seed"] == 7
    assert results["engine"] == "reverse"
    assert results["landscape"]["weight_decay"] == 0.3
    assert results["landscape"]["dtype"] == "float64"
    assert results["landscape"]["device"] == "cpu"


def test_the_same_request_gives_the_same_results(run, landscapes):
    def numbers() -> dict[str, object]:
        results = json.loads(run("verify", "--landscape", f"{landscapes}:bowl", *QUICK, "--json", "-").out)
        return {key: value for key, value in results["criteria"]["quadratic_growth"].items() if key != "cost"}

    assert numbers() == numbers()


def test_progress_is_plain_lines_on_standard_error(run, landscapes):
    outcome = run("verify", "--landscape", f"{landscapes}:bowl", *QUICK, "--json", "-")
    lines = outcome.err.splitlines()
    assert lines
    assert all(re.match(r"\[ *\d+ s\] \S", line) for line in lines)
    assert "\x1b" not in outcome.err


def test_a_language_model_on_a_text_file(run, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("It was a bright cold day in April, and the clocks were striking thirteen. " * 5, encoding="utf-8")
    text_options = ("--dataset", text, "--sequences", "2", "--sequence-length", "8")
    outcome = run("verify", "--landscape", "gpt-neo-tiny", *text_options, *QUICK, "--json", "-")
    assert outcome.status == 0, outcome.err
    results = json.loads(outcome.out)
    assert results["landscape"]["dimension"] == 822
    assert results["landscape"]["request"]["sequence_length"] == 8
