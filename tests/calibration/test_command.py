from __future__ import annotations

import json
from pathlib import Path

import pytest

from villani_verify.calibration import __main__ as command
from villani_verify.calibration.__main__ import main
from villani_verify.calibration.case import Asked, Case
from villani_verify.calibration.cases import CASES
from villani_verify.landscapes.zoo import CRITERION_NAMES


@pytest.fixture
def run(tmp_path, capsys):
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(["--out", str(tmp_path / "out"), *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Verifications that cost nothing; the list says which were made."""
    made: list[tuple[str, int]] = []

    def verify_one(entry, seed: int):
        made.append((entry.name, seed))
        rows = {n: {"status": entry.expected[n], "expected": entry.expected[n]} for n in CRITERION_NAMES}
        return {"landscape": entry.name, "seed": seed, "budget": "quick", "version": "0", "seconds": 0.1, "rows": rows}

    monkeypatch.setattr(command, "verify_one", verify_one)
    return made


def measured(tmp_path: Path) -> dict:
    return json.loads((tmp_path / "out" / "measured.json").read_text(encoding="utf-8"))


def test_one_interval_and_two_landscapes(run, cheap, tmp_path) -> None:
    status, out, err = run(
        "--replications", "100", "--verifications", "3", "--control-seeds", "2",
        "--only", "hutchinson-10-light", "isotropic-bowl", "relu-kink",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "hutchinson-10-light" in out
    found = measured(tmp_path)
    assert [c["name"] for c in found["coverage"]] == ["hutchinson-10-light"]
    assert found["coverage"][0]["replications"] == 100
    assert found["false_refutations"]["verifications"] == 3
    assert found["power"]["verifications"] == 2
    assert found["seed"] == 1000
    assert found["environment"]["packages"]["torch"]
    text = (tmp_path / "out" / "measured.md").read_text(encoding="utf-8")
    assert "| Laplacian, mean of probes: 10 probes; matrix, light off the diagonal | 95 % |" in text
    assert "| relu-kink | Smoothness | 2 of 2 |" in text
    assert cheap == [(n, s) for s in (1000, 1001) for n in ("isotropic-bowl", "relu-kink")] + [("isotropic-bowl", 1002)]


def test_what_is_finished_is_not_done_again(run, cheap, tmp_path) -> None:
    asked = ("--replications", "50", "--control-seeds", "0", "--only", "hutchinson-10-light", "isotropic-bowl")
    run(*asked, "--verifications", "2")
    before = (tmp_path / "out" / "coverage.jsonl").read_bytes()
    _, out, _ = run(*asked, "--verifications", "4")
    assert "hutchinson" not in out
    assert (tmp_path / "out" / "coverage.jsonl").read_bytes() == before
    assert cheap == [("isotropic-bowl", s) for s in (1000, 1001, 1002, 1003)]
    assert measured(tmp_path)["false_refutations"]["verifications"] == 4
    run("--replications", "60", "--only", "hutchinson-10-light")
    assert measured(tmp_path)["coverage"][0]["replications"] == 60


def test_a_figure_outside_what_is_asked_exits_one(run, monkeypatch: pytest.MonkeyPatch) -> None:
    poor = Case("poor", "mean", "covers half of the time", lambda: lambda seed: seed % 2 == 0)
    monkeypatch.setattr(command, "CASES", {"poor": poor})
    status, out, _ = run("--replications", "400", "--only", "poor")
    assert status == 1
    assert "not as asked: poor: covers" in out
    assert "asked: 93 to 97 %" in out


def test_a_false_alarm_exits_one(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def alarm(entry, seed: int):
        rows = {n: {"status": "refuted", "expected": "supported"} for n in CRITERION_NAMES[:1]}
        return {"landscape": entry.name, "seed": seed, "budget": "quick", "version": "0", "seconds": 0.1, "rows": rows}

    monkeypatch.setattr(command, "verify_one", alarm)
    status, out, _ = run("--verifications", "1", "--only", "isotropic-bowl")
    assert status == 1
    assert "isotropic-bowl, seed 1000: smoothness holds and was refuted" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "hutchinson-10-ligth"), "did you mean 'hutchinson-10-light'?"),
        (("--only", "?"), "--list and `villani-verify zoo` list them"),
        (("--replications", "0"), "--replications 0: give at least 1"),
        (("--verifications", "-1"), "--verifications -1: give at least 0"),
        (("--control-seeds", "-1"), "--control-seeds -1: give at least 0"),
        (("--replications", "many"), "invalid int value: 'many' (see --help)"),
        (("--nonsense",), "unrecognized arguments: --nonsense (see --help)"),
    ],
)
def test_a_wrong_request_is_one_line_and_exits_two(run, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_no_directory_is_a_wrong_request(capsys) -> None:
    assert main([]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_file_in_the_way_of_the_directory(tmp_path, capsys) -> None:
    (tmp_path / "file").write_text("x")
    assert main(["--out", str(tmp_path / "file")]) == 2
    err = capsys.readouterr().err
    assert "cannot be made" in err
    assert err.count("\n") == 1


def test_an_interrupt_keeps_what_is_finished(run, cheap, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    kept = Case("kept", "mean", "always covers", lambda: lambda seed: True, Asked.AT_LEAST, "as it is a test")
    stopped = Case("stopped", "mean", "is interrupted", lambda: stop)
    monkeypatch.setattr(command, "CASES", {"kept": kept, "stopped": stopped})
    status, _, err = run("--replications", "10", "--only", "kept", "stopped")
    assert status == 130
    assert "goes on from here" in err
    assert len((tmp_path / "out" / "coverage.jsonl").read_text().splitlines()) == 1


def test_the_list_names_every_interval(capsys) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--list"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(CASES)
