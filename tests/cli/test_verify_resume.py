"""`verify` keeps each criterion as it is finished, and goes on with what is missing, wherever that is computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from villani_verify import verification
from villani_verify.errors import LandscapeError

TWO = ("--criteria", "quadratic_growth,gaussian_tails")


def results_in(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "results.json").read_text(encoding="utf-8"))


def verdicts(results: dict[str, Any]) -> dict[str, Any]:
    return {name: {k: v for k, v in row.items() if k != "cost"} for name, row in results["criteria"].items()}


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The second criterion fails until that is undone."""

    def fail(landscape: Any, budget: Any, settings: Any) -> None:
        raise LandscapeError("loss of landscape 'bowl': it has had enough; let it rest")

    monkeypatch.setitem(verification.CRITERIA, "gaussian_tails", fail)
    return monkeypatch


def test_a_failure_keeps_what_was_finished_and_resume_goes_on(run, landscapes, tmp_path, failing):
    out = tmp_path / "report"
    arguments = ("verify", "--landscape", f"{landscapes}:bowl", *TWO, "--out", out)
    outcome = run(*arguments)
    assert outcome.status == 2
    assert outcome.err.splitlines()[-1] == "villani-verify: error: loss of landscape 'bowl': it has had enough; let it rest"
    assert [p.name for p in out.iterdir()] == ["run"]
    failing.undo()

    counted: list[str] = []
    whole = verification.CRITERIA["quadratic_growth"]
    failing.setitem(verification.CRITERIA, "quadratic_growth", lambda *a: counted.append("again") or whole(*a))
    outcome = run(*arguments, "--resume")
    assert outcome.status == 0, outcome.err
    assert not counted
    assert run("verify", "--landscape", f"{landscapes}:bowl", *TWO, "--out", tmp_path / "undisturbed").status == 0
    assert counted
    assert verdicts(results_in(out)) == verdicts(results_in(tmp_path / "undisturbed"))


def test_a_finished_request_is_returned_at_once(run, landscapes, tmp_path, monkeypatch):
    out = tmp_path / "report"
    arguments = ("verify", "--landscape", f"{landscapes}:valley", "--criteria", "quadratic_growth", "--out", out)
    assert run(*arguments).status == 1
    first = results_in(out)
    monkeypatch.setitem(verification.CRITERIA, "quadratic_growth", lambda *a: pytest.fail("it was computed again"))
    outcome = run(*arguments, "--resume")
    assert outcome.status == 1
    assert "REFUTED" in outcome.out
    assert results_in(out) == first


def test_processes_give_the_same_bits(run, landscapes, tmp_path):
    arguments = ("verify", "--landscape", f"{landscapes}:bowl", "--criteria", "quadratic_growth,differential_growth_rays")
    assert run(*arguments, "--out", tmp_path / "a").status == 0
    assert run(*arguments, "--out", tmp_path / "b", "--executor", "processes:2").status == 0
    assert verdicts(results_in(tmp_path / "a")) == verdicts(results_in(tmp_path / "b"))
    assert run(*arguments, "--json", tmp_path / "c.json", "--executor", "processes:1").status == 0
    assert verdicts(json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))) == verdicts(results_in(tmp_path / "a"))


def test_errors_of_workers_are_those_of_this_process(run, landscapes, tmp_path):
    file = tmp_path / "later.py"
    file.write_text(
        "import os\n"
        "from villani_verify import Landscape\n"
        "def make():\n"
        "    name = 'here' if os.environ.get('HERE') else 'there'\n"
        "    return Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name=name)\n",
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HERE", "1")
        assert run("verify", "--landscape", f"{file}:make", *TWO, "--out", tmp_path / "a").status == 0
    outcome = run("verify", "--landscape", f"{file}:make", *TWO, "--out", tmp_path / "a", "--resume")
    assert outcome.status == 2
    assert "it was made with landscape" in outcome.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--resume",), "option --resume: there is no --out to go on with; give the directory of the report that was stopped"),
        (("--executor", "threads:2"), "executor 'threads:2': unknown; give local, processes:N or dask:ADDRESS"),
        (("--executor", "processes:0"), "executor 'processes:0': '0' is not a number of processes; give one such as processes:2"),
        (
            ("--executor", "processes:two"),
            "executor 'processes:two': 'two' is not a number of processes; give one such as processes:2",
        ),
        (("--executor", "dask:"), "executor 'dask:': unknown; give local, processes:N or dask:ADDRESS"),
    ],
)
def test_bad_requests(run, landscapes, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    outcome = run("verify", "--landscape", f"{landscapes}:bowl", *TWO, *options)
    assert (outcome.status, outcome.err) == (2, f"villani-verify: error: {message}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_where_nothing_was_stopped(run, landscapes, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("important", encoding="utf-8")
    outcome = run("verify", "--landscape", f"{landscapes}:bowl", *TWO, "--out", tmp_path / "mine", "--resume")
    assert outcome.status == 2
    assert "nothing was stopped there; leave --resume out, or give another --out" in outcome.err
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("option", [("--seed", "1"), ("--budget", "standard"), ("--weight-decay", "0.2"), ("--temperature", "1")])
def test_another_request_is_refused(run, landscapes, tmp_path, option):
    out = tmp_path / "report"
    arguments = ("verify", "--landscape", f"{landscapes}:bowl", "--criteria", "quadratic_growth", "--out", out)
    assert run(*arguments).status == 0
    before = results_in(out)
    outcome = run(*arguments, *option, "--resume")
    assert outcome.status == 2
    assert "it was made with" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert results_in(out) == before


def test_without_resume_an_earlier_report_is_not_touched(run, landscapes, tmp_path):
    out = tmp_path / "report"
    arguments = ("verify", "--landscape", f"{landscapes}:bowl", "--criteria", "quadratic_growth", "--out", out)
    assert run(*arguments).status == 0
    outcome = run(*arguments)
    assert outcome.status == 2
    assert "it is not empty; give a new or an empty directory" in outcome.err
