from __future__ import annotations

import json

import pytest

from villani_verify.reproduction import run as module
from villani_verify.reproduction.claims import CLAIMS, Finding
from villani_verify.reproduction.section import SectionResult


@pytest.fixture
def quick(monkeypatch):
    """Only the constants are measured, by a stand-in."""
    result = SectionResult((Finding("log-sobolev", "seven of twelve", "refuted"),), {})
    monkeypatch.setattr(module, "OF_A_TEXT", {"constants": lambda work: result})
    monkeypatch.setattr(module, "subject_of", lambda *_, **__: None)


def test_the_table_is_printed_and_written(quick, run, tmp_path) -> None:
    where = ("--dataset", "embedded", "--section", "constants", "--out", tmp_path / "out")
    outcome = run("reproduce", *where, "--json", tmp_path / "x.json")
    assert outcome.status == 0
    assert f"{CLAIMS['log-sobolev'].claim} (embedded): refuted\n    seven of twelve" in outcome.out
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {"index.html", "table.md", "results.json", "sections"}
    results = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert results == json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert run("reproduce", *where).status == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--size", "medium"), "size 'medium': unknown; choose one of small, full"),
        (("--section", "constant"), "section 'constant': unknown"),
        (("--device", "abacus"), "device 'abacus'"),
        (("--dataset", "nowhere.txt"), "nowhere.txt"),
        (("--dataset", "ptb", "--data-dir", "nowhere"), "nowhere"),
        (("--dataset", "embedded", "--dataset", "embedded"), "give at least one, and none twice"),
        (("--json", "no/such.json"), "there is no directory"),
        (("--model", "no/such/model"), "model directory 'no/such/model': it does not exist"),
        (("--model", " "), "model: the name is empty"),
        (("--size", "full", "--model", "no/such/model", "--tokenizer", "bytes"), "it does not exist"),
        (("--tokenizer", "bytes"), "tokenizer 'bytes': the small GPT-Neo that is trained here reads bytes; give --model too"),
        (("--study-seeds", "0"), "study seeds 0: too few; give at least 1"),
    ],
)
def test_wrong_input_is_one_line(quick, run, tmp_path, arguments, message) -> None:
    outcome = run("reproduce", *arguments, "--out", tmp_path / "out")
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_directory_of_something_else_is_left_alone(quick, run, tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    outcome = run("reproduce", "--dataset", "embedded", "--out", tmp_path)
    assert outcome.status == 2
    assert "it holds something else" in outcome.err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
