from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from nightly import __main__ as command
from nightly.part import Part

PARTS = [
    Part("good", "about", [[sys.executable, "-c", "print('all well')"]], 1),
    Part("bad", "about", [[sys.executable, "-c", "raise SystemExit(1)"]], 1),
    Part("worse", "about", [[sys.executable, "-c", "raise SystemExit(1)"]], 1),
]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "KINDS", {"cpu": PARTS, "gpu": PARTS[:1]})
    monkeypatch.setattr(command, "_commit", lambda: "c0ffee")
    monkeypatch.setattr(command.signal, "signal", lambda number, handler: None)


@pytest.mark.parametrize(("only", "status"), [((), 11), (("good",), 0), (("worse",), 12), (("bad", "good"), 11)])
def test_the_exit_status_says_which_part_failed(tmp_path: Path, only: tuple[str, ...], status: int) -> None:
    assert command.main(["--out", str(tmp_path), *(("--only", *only) if only else ())]) == status
    found = json.loads((tmp_path / "nightly.json").read_text())
    assert found["schema_version"] == 1
    assert (found["commit"], found["kind"]) == ("c0ffee", "cpu")
    assert [p["name"] for p in found["parts"]] == [p.name for p in PARTS if not only or p.name in only]
    assert set(found["parts"][0]) == {"name", "status", "seconds", "summary"}


def test_one_line_for_each_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["--out", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["good", "bad", "worse", "nightly"]
    assert lines[0].endswith("all well")
    assert lines[-1] == f"nightly: failed; {tmp_path / 'nightly.json'}"


def test_the_list_shows_the_status_of_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [["10", "good"], ["11", "bad"], ["12", "worse"]]


def other(tmp_path: Path, **changed: str) -> Path:
    command.main(["--out", str(tmp_path), "--only", "good"])
    found = json.loads((tmp_path / "nightly.json").read_text())
    (tmp_path / "nightly.json").write_text(json.dumps({**found, **changed}))
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"commit": "dead"}, "has a run of commit dead, not c0ffee; give another folder, or --fresh"),
        ({"machine": "elsewhere"}, "has a run of machine elsewhere, not "),
        ({"kind": "gpu"}, "has a run of kind gpu, not cpu"),
        ({"environment": None}, "not the record of a nightly (TypeError"),
        ({"schema_version": 2}, "schema_version 2, not 1"),
        ({"parts": "none"}, "not the record of a nightly (TypeError"),
    ],
)
def test_runs_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, str], message: str) -> None:
    folder = other(tmp_path, **changed)
    before = (folder / "nightly.json").read_text()
    capsys.readouterr()
    assert command.main(["--out", str(folder)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert len(said.err.splitlines()) == 1
    assert (folder / "nightly.json").read_text() == before
    assert command.main(["--out", str(folder), "--fresh", "--only", "good"]) == 0


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    for more in ((), ("--fresh",)):
        assert command.main(["--out", str(tmp_path), *more]) == 2
        assert "is not empty, and not of a nightly; give another folder" in capsys.readouterr().err
    assert (tmp_path / "thesis.tex").read_text() == "all of it"


def test_the_record_says_what_machine_it_was(tmp_path: Path) -> None:
    command.main(["--out", str(tmp_path), "--only", "good"])
    environment = json.loads((tmp_path / "nightly.json").read_text())["environment"]
    assert environment["device"] == "cpu"
    assert environment["packages"]["torch"] == torch.__version__


def test_a_gpu_that_is_not_there_is_a_wrong_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert command.main(["--kind", "gpu", "--out", str(tmp_path / "new")]) == 2
    assert "--kind gpu: torch sees no CUDA device here" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "god"], "part 'god': unknown; choose one of good, bad, worse (did you mean 'good'?)"),
        (["--kind", "tpu"], "argument --kind: invalid choice: 'tpu'"),
        (["--out", "/dev/null/x"], "--out /dev/null/x: cannot be made (Not a directory); give another folder"),
        (["--often"], "unrecognized arguments: --often"),
    ],
)
def test_wrong_requests_get_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert command.main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert len(said.err.splitlines()) == 1
