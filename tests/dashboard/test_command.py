from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def options(bench: Any, repository: Callable[..., list[str]], tmp_path: Path) -> dict[str, str]:
    (commit,) = repository("First")
    bench.run({bench.probe: {bench.tiny: 0.02}}, commit=commit)
    return {"--results": str(bench.folder), "--repository": str(tmp_path / "repository"), "--out": str(tmp_path / "out")}


def words(options: dict[str, str]) -> list[str]:
    return [word for pair in options.items() for word in pair]


def test_it_writes_the_page_and_says_what_it_says(
    options: dict[str, str], nightly_folder: Callable[..., Path], results_of: Any, comparison: Any, capsys: Any
) -> None:
    peers = Path(options["--results"]) / "peers"
    peers.mkdir()
    (peers / "here.json").write_text(json.dumps(comparison))
    nightly = Path(options["--results"]) / "nightly"
    nightly_folder({"bowl": results_of()}).rename(nightly)
    assert main(words(options | {"--nightly": str(nightly), "--peers": str(peers)})) == 0
    sentence, path = capsys.readouterr().out.splitlines()
    page = Path(path).read_text()
    assert path == str(Path(options["--out"]) / "index.html")
    assert sentence.startswith("Nothing is known to be wrong")
    assert sentence in page
    for part in ("PyHessian", "61 properties, 20,000 examples", "No benchmark has been run on a GPU yet"):
        assert part in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--results": "nowhere"}, "results 'nowhere': there is no such folder"),
        ({"--nightly": "nowhere"}, "--nightly 'nowhere': there is no such folder"),
        ({"--peers": "nowhere"}, "--peers 'nowhere': there is no such folder"),
        ({"--history": "nowhere"}, "--history 'nowhere': there is no such folder"),
        ({"--history": "."}, "no pages of asv"),
        ({"--repository": "/"}, "git finds none there"),
        ({"--surprise": "1"}, "unrecognized arguments: --surprise"),
    ],
)
def test_a_wrong_option_gives_one_line_and_writes_nothing(
    options: dict[str, str], change: dict[str, str], message: str, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words(options | change)) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("dashboard: error: ")
    assert message in line
    assert captured.out == ""
    assert not (tmp_path / "out" / "index.html").exists()


def test_no_results_are_a_failure(bench: Any, options: dict[str, str], capsys: Any) -> None:
    for path in (bench.folder / "here").glob("*existing*.json"):
        path.unlink()
    assert main(words(options)) == 2
    assert "they hold no value of any benchmark" in capsys.readouterr().err


def test_it_runs_as_a_module(options: dict[str, str]) -> None:
    command = [sys.executable, "-m", "dashboard", *words(options)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == str(Path(options["--out"]) / "index.html")
