"""Every landscape of the zoo gets the verdicts that are known for it; more seeds are in scripts/verify_zoo.py."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from villani_verify.cli.output import check_schema, read_json_object
from villani_verify.criteria import CRITERION_NAMES
from villani_verify.landscapes.zoo import ZOO
from villani_verify.verification import verify

SEED = 7
# Both see every line of the criteria; the ReLU one is the same with a kink.
TRANSFORMERS = ("gpt-neo-tiny", "gpt-neo-tiny-relu")
# Quick ones among which each criterion is refuted at least once and supported at least once; the others are marked slow.
QUICK = ("relu-kink", "subquadratic", "linear-growth", "two-layer-linear-network")
NAMES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name, entry in ZOO.items()
    if entry.kind == "analytic" or name in TRANSFORMERS
]


@pytest.mark.parametrize("name", NAMES)
def test_verdicts_are_the_known_ones(name: str) -> None:
    entry = ZOO[name]
    found = verify(entry.make(), seed=SEED)
    summaries = {r.name: (str(r.status), r.summary) for r in found.results if r.status != entry.expected[r.name]}
    assert not summaries, summaries
    assert [r.name for r in found.results] == list(CRITERION_NAMES)
    assert found.verdict_as_expected
    for result in found.results:
        assert (result.witness is not None) == (result.status == "refuted")


Script = Callable[[list[str]], int]


@pytest.fixture(scope="module")
def script() -> Script:
    return runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "verify_zoo.py"), run_name="verify_zoo")["main"]


def test_the_script_prints_a_line_for_each_seed_and_counts(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert script(["--seeds", "1", "--names", "relu-kink", "hard-clip", "--skip", "hard-clip"]) == 0
    line, total = capsys.readouterr().out.splitlines()
    assert line.split()[:3] == ["relu-kink", "seed", "0"]
    assert line.endswith("as expected")
    assert total == "5 right, 0 wrong, 0 inconclusive"


def test_the_script_keeps_results_files(script: Script, tmp_path: Path) -> None:
    target = tmp_path / "new" / "verdicts"
    assert script(["--seeds", "1", "--names", "relu-kink", "--json", str(target)]) == 0
    (file,) = target.iterdir()
    assert file.name == "relu-kink.json"
    results = read_json_object(file)
    check_schema(results, "results")
    assert results["criteria"]["smoothness"]["status"] == "refuted"
    assert results["verdict_as_expected"] is True


@pytest.mark.slow
def test_jobs_change_neither_results_nor_their_order(tmp_path: Path) -> None:
    """In a process of its own, as its workers find their function in the main module."""
    script = Path(__file__).parents[1] / "scripts" / "verify_zoo.py"
    shown = []
    for jobs in ("1", "3"):
        command = [
            sys.executable,
            script,
            "--seeds=1",
            "--names",
            "gpt-neo-tiny-relu",
            "relu-kink",
            f"--json={tmp_path / jobs}",
            f"--jobs={jobs}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
        shown.append([line.split()[:3] for line in done.stdout.splitlines()])
    assert shown[0] == shown[1]
    for file in (tmp_path / "1").iterdir():
        one, three = (json.loads((tmp_path / jobs / file.name).read_text()) for jobs in ("1", "3"))
        assert [(r["status"], r["witness"]) for r in one["criteria"].values()] == [
            (r["status"], r["witness"]) for r in three["criteria"].values()
        ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--names", "relu-kinc"], "landscape 'relu-kinc': the zoo has none of that name; did you mean 'relu-kink'"),
        (["--skip", "x"], "landscape 'x': the zoo has none of that name"),
        (["--seeds", "0"], "--seeds 0: give at least 1"),
        (["--jobs", "0"], "--jobs 0: give at least 1"),
        (["--json", "/dev/null/x"], "--json /dev/null/x: cannot be made (Not a directory); give another directory"),
    ],
)
def test_the_script_refuses_what_it_does_not_know(
    script: Script, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        script(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
