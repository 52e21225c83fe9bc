"""The command on real commits of a trivial package, measured by real processes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gate.__main__ import main

from .conftest import Repository

ASV_BENCH = Path(__file__).resolve().parents[2] / "asv_bench"
# Few processes, so that the everyday tests stay short: 8 rounds at α = 0.1 still need nearly all of them above 5 %.
SHORT = ("--alpha", "0.1", "--rounds", "8")
TIME = "trivial.Cost.track_seconds('many', 'cpu')"


def compared(
    repository: Repository, base: str, head: str, tmp_path: Path, *arguments: str
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit status and the rows of the results file by name."""
    file = tmp_path / "results.json"
    status = main([base, head, "--repository", str(repository.folder), "--json", str(file), *arguments])
    return status, {row["name"]: row for row in json.loads(file.read_text())["benchmarks"]}


def test_planted_slowdown_and_memory_growth_of_a_fifth_are_caught(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = repository.package(work=1.2, held=120)
    status, rows = compared(repository, "main~", head, tmp_path, *SHORT, "--bench", "'many'|track_bytes")
    assert status == 1
    assert rows[TIME]["verdict"] == rows["trivial.track_bytes"]["verdict"] == "regression"
    assert rows["trivial.Cost.track_seconds('many', 'cuda')"]["verdict"] == "skipped"
    low, high = rows["trivial.track_bytes"]["interval"]
    # 100 of 112 MiB grow by a fifth, the interpreter does not.
    assert 1.05 < low <= rows["trivial.track_bytes"]["ratio"] <= high < 1.2
    assert 1.1 < rows[TIME]["interval"][0] <= rows[TIME]["ratio"] < 1.25
    assert rows[TIME]["p"] <= 0.1 / 2
    assert len(rows[TIME]["values"]["head"]) == 8
    said = capsys.readouterr()
    assert "skipped: 1 benchmarks, NotImplementedError('no CUDA device')" in said.out
    assert "2 benchmarks compared: ALARM. Only ratios above 1.05 count" in said.out
    (line,) = [line for line in said.out.splitlines() if line.endswith(TIME)]
    assert f"{rows[TIME]['ratio']:.3f}" in line
    assert f"{rows[TIME]['p']:.1e}" in line
    assert "round 8 of at most 8: 2 benchmarks" in said.err


def test_a_commit_with_itself_gives_no_alarm_and_is_soon_decided(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, rows = compared(repository, "main", "main", tmp_path, "--alpha", "0.001", "--bench", "'cpu'|track_bytes")
    assert status == 0
    assert [row["verdict"] for row in rows.values()] == ["no regression"] * 3
    assert rows["trivial.track_bytes"]["rounds"] <= 5
    assert rows["trivial.track_bytes"]["p"] is rows["trivial.track_bytes"]["interval"] is None
    assert "3 benchmarks compared: no alarm" in capsys.readouterr().out


def test_a_benchmark_that_the_head_breaks_is_an_alarm(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = repository.package(more="NEW = 1\n")
    head = repository.package()
    status, rows = compared(repository, base, head, tmp_path, "--bench", "renamed|where")
    assert status == 1
    assert rows["trivial.track_renamed"]["verdict"] == "broken"
    assert "broken: trivial.track_renamed: head: AttributeError: module" in capsys.readouterr().out
    # The other way round the benchmark is too new for the older commit.
    status, rows = compared(repository, head, base, tmp_path, "--bench", "renamed|where")
    assert (status, rows["trivial.track_renamed"]["verdict"]) == (0, "not comparable")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["main", "nowhere"], "commit 'nowhere' in "),
        (["main"], "the following arguments are required: head; see python -m gate --help"),
        (["main", "main", "--alpha", "some"], "argument --alpha: invalid float value: 'some'"),
        (
            ["main", "main", "--bench", "("],
            "--bench '(': missing ), unterminated subpattern at position 0; give a regular expression",
        ),
        (["main", "main", "--bench", "none"], "--bench 'none': none of the 15 benchmarks of "),
        (
            ["main", "main", "--rounds", "2"],
            "--rounds 2: with 1 benchmark(s) at --alpha 0.01 no alarm is possible; give at least 7",
        ),
        (["main", "main", "--json", "/nowhere/results.json"], "--json /nowhere/results.json: /nowhere is no folder that can be"),
        (["main", "main", "--json", "/"], "--json /: it is a folder; name a file"),
        (
            ["main", "main", "--bench", "raises|cuda"],
            "none of 3 benchmarks could be compared, see above; mend them, or choose others",
        ),
    ],
)
def test_wrong_input_and_nothing_measured_is_one_line_and_status_2(
    repository: Repository, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main([*arguments, "--repository", str(repository.folder)]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("round ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"gate: {message}")


def test_benchmarks_that_cannot_be_listed(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit({"asv_bench/benchmarks/wrong.py": "import nowhere_at_all"})
    assert main(["main~", "main", "--repository", str(repository.folder)]) == 2
    assert "ModuleNotFoundError: No module named 'nowhere_at_all'; mend them, or install" in capsys.readouterr().err
    repository.git("rm", "-q", "-r", "asv_bench")
    repository.git("commit", "-q", "-m", "none")
    assert main(["main~", "main", "--repository", str(repository.folder)]) == 2
    assert "it has no asv_bench/benchmarks; compare with a newer commit" in capsys.readouterr().err


def test_results_that_cannot_be_written_are_still_shown(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("gate.__main__.write_whole", full)
    file = tmp_path / "results.json"
    assert main(["main", "main", "--repository", str(repository.folder), "--bench", "where", "--json", str(file)]) == 2
    said = capsys.readouterr()
    assert "1 benchmarks compared: no alarm" in said.out
    assert said.err.splitlines()[-1] == f"gate: --json {file}: No space left on device; choose another place"


def test_terminated_it_leaves_nothing_behind(repository: Repository, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gate", "main", "main", "--repository", str(repository.folder), "--bench", "sleeps"]
    repository.commit({"asv_bench/benchmarks/trivial.py": "import time\n\n\ndef track_sleeps():\n    time.sleep(600)\n"})
    env = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ASV_BENCH, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "round 1 of at most 16: 1 benchmarks\n"
        assert list(tmp_path.glob("gate-*"))
        process.terminate()
        process.wait(timeout=60)
    assert not list(tmp_path.glob("gate-*"))
