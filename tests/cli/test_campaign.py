from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from villani_verify.runs.campaign import open_directory

FACTORIES = """
import time

import torch

from villani_verify import Landscape


def bowl():
    return Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name="bowl")


def valley():
    return Landscape.from_function(lambda x: x[0] ** 2 + 0 * x[1], 2, name="valley")


def turns_negative():
    return Landscape.from_function(lambda x: 9 - (x**2).sum(), 2, weight_decay=0.1, name="turns negative")


def random():
    return Landscape.from_function(lambda x: (x**2).sum() * torch.rand(()), 2)


def raises():
    raise ValueError("no data here")


def script():
    return Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name="<script>alert(1)</script>")


def slow():
    def loss(x):
        time.sleep(0.1)
        return (x**2).sum()

    return Landscape.from_function(loss, 2, weight_decay=0.1, name="slow")
"""
PLAN = """
landscape = ["factories.py:bowl"]
weight_decay = [0.1, 1.0]
temperature = [0.5]
rays = 2
radii = [1.0, 10.0]
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that writes a plan where commands run, beside factories of landscapes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "factories.py").write_text(FACTORIES, encoding="utf-8")

    def call(plan: str) -> Path:
        (tmp_path / "plan.toml").write_text(plan, encoding="utf-8")
        return tmp_path

    return call


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fingerprint(directory: Path) -> str:
    with open_directory(directory) as store:
        return store.fingerprint()


def test_tables_and_page_are_written(run: Any, write: Any) -> None:
    place = write(PLAN + 'criteria = ["quadratic_growth", "smoothness"]')
    outcome = run("campaign", "plan.toml", "--out", "out")
    assert outcome.status == 0, outcome.err
    assert outcome.out.splitlines() == [
        "12 of 12 units finished, 0 failed.",
        "4 verdicts, 0 not as expected.",
        "Tables: out/points.csv, out/verdicts.csv",
        "Page: out/index.html",
    ]
    found = {p.name for p in (place / "out").iterdir()}
    assert {"points.csv", "verdicts.csv", "index.html", "runs.sqlite", "log.jsonl", "summary.json"} <= found
    # F = (1 + λ/2)‖θ‖², so that s* = (2 + λ)² r² / (2 (2 + λ)).
    for row in table(place / "out" / "points.csv"):
        lam, r = float(row["weight_decay"]), float(row["r"])
        assert float(row["critical_temperature"]) == pytest.approx((2 + lam) * r**2 / 2, rel=1e-12)
    assert {row["status"] for row in table(place / "out" / "verdicts.csv")} == {"supported"}
    page = (place / "out" / "index.html").read_text(encoding="utf-8")
    for part in ("All 12 units finished", "bowl: critical temperature", "Ψ at s = 0.5", fingerprint(place / "out")):
        assert part in page


def test_a_finished_campaign_returns_at_once_with_the_same_bytes(run: Any, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = write(PLAN)
    assert run("campaign", "plan.toml", "--out", "out").status == 0
    before = {p.name: p.read_bytes() for p in (place / "out").iterdir() if p.suffix in (".csv", ".html")}

    def never(*_: object, **__: object) -> None:
        raise AssertionError("nothing is left to compute")

    monkeypatch.setattr("villani_verify.runs.worker._attempt", never)
    # Where it would be computed does not matter then, not even whether it is there.
    outcome = run("campaign", "plan.toml", "--out", "out", "--resume", "--executor", "dask:tcp://127.0.0.1:9")
    assert outcome.status == 0, outcome.err
    assert {name: (place / "out" / name).read_bytes() for name in before} == before


def test_parts_are_merged_to_the_whole(run: Any, write: Any) -> None:
    place = write(PLAN)
    assert run("campaign", "plan.toml", "--out", "whole").status == 0
    for k in (1, 2, 3):
        outcome = run("campaign", "plan.toml", "--out", f"part-{k}", "--part", f"{k}/3")
        assert outcome.status == 0
        assert f"{(3, 3, 2)[k - 1]} of 8 units finished" in outcome.out
    assert "5 are still to be computed" in (place / "part-1" / "index.html").read_text(encoding="utf-8")
    assert run("runs", "merge", "merged", "part-1", "part-2", "part-3").status == 0
    assert run("campaign", "plan.toml", "--out", "merged", "--resume").status == 0
    assert fingerprint(place / "merged") == fingerprint(place / "whole")
    for name in ("points.csv", "index.html"):
        assert (place / "merged" / name).read_bytes() == (place / "whole" / name).read_bytes()


def test_processes_give_the_same_bits(run: Any, write: Any) -> None:
    place = write(PLAN.replace("rays = 2", "rays = 1\nprobes = 4"))
    assert run("campaign", "plan.toml", "--out", "one").status == 0
    assert run("campaign", "plan.toml", "--out", "two", "--executor", "processes:2", "--unit-seconds", "300").status == 0
    assert fingerprint(place / "one") == fingerprint(place / "two")
    assert (place / "one" / "index.html").read_bytes() == (place / "two" / "index.html").read_bytes()


def test_a_verdict_that_is_not_expected_is_status_one(run: Any, write: Any) -> None:
    place = write('landscape = ["factories.py:valley"]\ncriteria = ["quadratic_growth"]\n')
    outcome = run("campaign", "plan.toml", "--out", "out")
    assert outcome.status == 1
    assert "1 verdicts, 1 not as expected." in outcome.out
    assert "valley, λ = 0, seed 0: quadratic_growth refuted." in outcome.out
    assert "not as expected" in (place / "out" / "index.html").read_text(encoding="utf-8")


def test_failed_units_are_status_one_and_on_the_page(run: Any, write: Any) -> None:
    place = write('landscape = ["factories.py:turns_negative", "factories.py:bowl"]\nradii = [1.0, 10.0]\n')
    outcome = run("campaign", "plan.toml", "--out", "out")
    assert outcome.status == 1
    assert "7 of 8 units finished, 1 failed." in outcome.out
    assert "Unit 2 failed (1 attempts): " in outcome.out
    assert [(r["landscape"], r["r"]) for r in table(place / "out" / "points.csv")] == [
        ("turns negative", "1.0"), ("bowl", "1.0"), ("bowl", "10.0"),
    ]  # fmt: skip
    page = (place / "out" / "index.html").read_text(encoding="utf-8")
    assert "gradient of turns negative, isotropic ray 0, r = 10" in page
    assert "negative" in page
    assert run("campaign", "plan.toml", "--out", "out", "--resume").status == 1


def test_names_are_escaped_on_the_page(run: Any, write: Any) -> None:
    place = write('landscape = ["factories.py:script"]\nradii = [1.0]\n')
    assert run("campaign", "plan.toml", "--out", "out").status == 0
    page = (place / "out" / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_dry_run_writes_nothing(run: Any, write: Any) -> None:
    place = write(PLAN)
    before = sorted(p.name for p in place.iterdir())
    outcome = run("campaign", "plan.toml", "--out", "out", "--dry-run")
    assert outcome.status == 0
    for part in ("8 units.", "gradient", "exact", "Time: ", "Memory: "):
        assert part in outcome.out
    assert [n for n in sorted(p.name for p in place.iterdir()) if n != "__pycache__"] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_is_finished(run: Any, write: Any, environment: dict[str, str], number: signal.Signals) -> None:
    place = write('landscape = ["factories.py:slow"]\nradii = {from = 1, to = 10, count = 300}\n')
    command = [sys.executable, "-u", "-m", "villani_verify.cli", "campaign", "plan.toml", "--out", "out"]
    process = subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stderr is not None
    assert "units" in process.stderr.readline()  # progress, so that units are being computed
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    with open_directory(place / "out") as store:
        counts = store.counts()
    assert 0 < counts.finished < counts.units
    last = err.splitlines()[-1]
    assert last == f"villani-verify: interrupted; {counts.finished} of 600 units are kept in out; --resume goes on"
    assert [json.loads(line)["event"] for line in (place / "out" / "log.jsonl").read_text().splitlines()] == ["begun", "stopped"]
    assert json.loads((place / "out" / "summary.json").read_text())["finished"] == counts.finished
    (place / "factories.py").write_text(FACTORIES, encoding="utf-8")
    assert run("campaign", "plan.toml", "--out", "out", "--resume", "--part", "1/300").status == 0


BAD_PLANS = {
    "unknown key": ("rayz = 3", ("'rayz'", "'rays'")),
    "wrong type": ('rays = "3"', ("rays '3'", "whole")),
    "negative radius": ("radii = [-1.0]", ("radii -1.0", "positive")),
    "nothing to measure": ("rays = 2", ("nothing to measure",)),
    "unknown landscape": ('landscape = ["double-wel"]\nradii = [1.0]', ("'double-wel'", "'double-well'")),
    "unknown second landscape": ('landscape = ["factories.py:bowl", "double-wel"]\nradii = [1.0]', ("'double-wel'",)),
    "factory that raises": ('landscape = ["factories.py:raises"]\nradii = [1.0]', ("ValueError", "no data here")),
    "random loss": ('landscape = ["factories.py:random"]\nradii = [1.0]', ("not deterministic",)),
    "no file of factories": ('landscape = ["nowhere.py:bowl"]\nradii = [1.0]', ("nowhere.py",)),
    "text for a formula": ('landscape = [{landscape = "double-well", sequences = 3}]\nradii = [1.0]', ("sequences",)),
    "unknown criterion": ('criteria = ["smooth"]', ("'smooth'", "'smoothness'")),
    "not TOML": ("radii = [1.0", ("no TOML",)),
    "too many units": ("rays = 10000000\nradii = [1.0]", ("10,000,000",)),
}


@pytest.fixture
def refused(run: Any, write: Any) -> Callable[..., str]:
    """Return a function that runs a command that must be refused without a trace, and returns its line."""

    def call(plan: str, *arguments: str) -> str:
        place = write(plan)
        before = {p: p.read_bytes() for p in place.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
        outcome = run(*(arguments or ("campaign", "plan.toml", "--out", "new/out")))
        lines = outcome.err.splitlines()
        assert outcome.status == 2, outcome
        assert outcome.out == ""
        assert len(lines) == 1, outcome.err
        assert lines[0].startswith("villani-verify: error: ")
        assert {p: p.read_bytes() for p in place.rglob("*") if p.is_file() and "__pycache__" not in p.parts} == before
        assert not (place / "new").exists()
        return str(lines[0])

    return call


@pytest.mark.parametrize("name", BAD_PLANS)
def test_a_wrong_plan(refused: Callable[..., str], name: str) -> None:
    plan, parts = BAD_PLANS[name]
    line = refused(plan if "landscape" in plan else f'landscape = ["factories.py:bowl"]\n{plan}')
    for part in parts:
        assert part in line


CAMPAIGN = ("campaign", "plan.toml", "--out")
BAD_OPTIONS = {
    "part 0": ((*CAMPAIGN, "new", "--part", "0/2"), ("'0/2'", "1/2")),
    "part 3 of 2": ((*CAMPAIGN, "new", "--part", "3/2"), ("'3/2'",)),
    "part of words": ((*CAMPAIGN, "new", "--part", "one/2"), ("'one/2'",)),
    "part of another script": ((*CAMPAIGN, "new", "--part", "²/²"), ("'²/²'",)),
    "executor": ((*CAMPAIGN, "new", "--executor", "nonsense"), ("'nonsense'", "processes:N")),
    "no process": ((*CAMPAIGN, "new", "--executor", "processes:0"), ("'processes:0'", "processes:2")),
    "executor, dry": ((*CAMPAIGN, "new", "--dry-run", "--executor", "processes:many"), ("'processes:many'",)),
    "no scheduler": ((*CAMPAIGN, "new", "--executor", "dask:nowhere.json"), ("nowhere.json",)),
    "seconds": ((*CAMPAIGN, "new", "--unit-seconds", "0"), ("--unit-seconds", "positive")),
    "seconds not a number": ((*CAMPAIGN, "new", "--unit-seconds", "nan"), ("--unit-seconds", "positive")),
    "no plan": (("campaign", "nowhere.toml", "--out", "new"), ("nowhere.toml", "No such file")),
    "plan that is a directory": (("campaign", ".", "--out", "new"), ("Is a directory",)),
    "no output": (("campaign", "plan.toml"), ("--out",)),
    "output that is a file": ((*CAMPAIGN, "factories.py"), ("factories.py", "it is a file")),
    "output below a file": ((*CAMPAIGN, "factories.py/out"), ("factories.py/out", "cannot be written")),
    "occupied output": ((*CAMPAIGN, "."), ("something else",)),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_a_wrong_option(refused: Callable[..., str], name: str) -> None:
    arguments, parts = BAD_OPTIONS[name]
    line = refused(PLAN, *arguments)
    for part in parts:
        assert part in line


def test_a_campaign_that_is_there_is_not_touched_without_resume_nor_by_another_plan(run: Any, write: Any) -> None:
    place = write(PLAN)
    assert run("campaign", "plan.toml", "--out", "out").status == 0
    before = fingerprint(place / "out")
    again = run("campaign", "plan.toml", "--out", "out")
    assert (again.status, again.out) == (2, "")
    assert "--resume" in again.err
    write(PLAN.replace("rays = 2", "rays = 3"))
    other = run("campaign", "plan.toml", "--out", "out", "--resume")
    assert (other.status, other.out) == (2, "")
    assert "it was made with plan" in other.err
    assert len(other.err.splitlines()) == 1
    assert fingerprint(place / "out") == before


def test_another_process_at_work_is_waited_for_by_nobody(run: Any, write: Any) -> None:
    from villani_verify.runs.campaign import held

    place = write(PLAN)
    with held(place / "out"):
        outcome = run("campaign", "plan.toml", "--out", "out")
    assert outcome.status == 2
    assert "another process is at work there" in outcome.err
