from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from villani_verify.cli import main

# The command line, with one criterion that says when it has begun and then never ends.
STUCK = """
import sys, time
from villani_verify import verification
from villani_verify.cli import main

def stuck(landscape, budget, settings):
    print("stuck", file=sys.stderr, flush=True)
    time.sleep(600)

verification.CRITERIA["gaussian_tails"] = stuck
sys.exit(main(sys.argv[1:]))
"""


def interrupted(
    arguments: list[str], environment: dict[str, str], number: signal.Signals, program: str = STUCK
) -> tuple[int, str, str]:
    """Run until the stuck criterion has begun, send the signal, and return status, output and error."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment,
    )  # fmt: skip
    assert process.stderr is not None
    assert any("stuck" in line for line in process.stderr)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_finished_criteria_are_kept(landscapes: Path, tmp_path: Path, environment: dict[str, str], number: signal.Signals):
    report, file = tmp_path / "report", tmp_path / "results.json"
    arguments = ["verify", "--landscape", f"{landscapes}:bowl", "--criteria", "quadratic_growth,gaussian_tails"]
    status, out, err = interrupted([*arguments, "--out", str(report), "--json", str(file)], environment, number)
    assert status == 130
    assert out == ""
    assert err.splitlines() == [f"villani-verify: interrupted; what was measured is in {report} and {file}"]
    results = json.loads(file.read_text(encoding="utf-8"))
    assert results["interrupted"] is True
    assert list(results["criteria"]) == ["quadratic_growth"]
    assert results["notes"] == ["interrupted: gaussian_tails not checked"]
    assert (report / "index.html").is_file()


def test_nothing_is_written_before_the_first_criterion_is_finished(landscapes: Path, tmp_path: Path, environment: dict[str, str]):
    arguments = ["verify", "--landscape", f"{landscapes}:bowl", "--criteria", "gaussian_tails"]
    out, file = tmp_path / "report", tmp_path / "results.json"
    status, _, err = interrupted([*arguments, "--out", str(out), "--json", str(file)], environment, signal.SIGINT)
    assert status == 130
    assert err.splitlines() == ["villani-verify: interrupted; no criterion was finished, so nothing was written"]
    assert list(tmp_path.iterdir()) == []


# An interrupt that reaches Python code called from C++ comes out as another error, or not at all.
@pytest.mark.parametrize("consequence", ["raise RuntimeError('from C++')", "pass"])
def test_an_interrupt_that_is_lost_on_its_way_still_stops_the_work(landscapes, tmp_path, environment, consequence):
    lost = STUCK.replace(
        "    time.sleep(600)\n",
        f"""
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        {consequence}
    settings.progress('next', 1, 2)
    time.sleep(600)
""",
    )
    assert consequence in lost
    file = tmp_path / "results.json"
    arguments = [
        "verify",
        "--landscape",
        f"{landscapes}:bowl",
        "--criteria",
        "quadratic_growth,gaussian_tails",
        "--json",
        str(file),
    ]
    status, _, err = interrupted(arguments, environment, signal.SIGINT, program=lost)
    assert status == 130
    assert err.splitlines() == [f"villani-verify: interrupted; what was measured is in {file}"]
    assert json.loads(file.read_text(encoding="utf-8"))["interrupted"] is True


def test_other_commands_end_in_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def interrupt(json_target: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("villani_verify.cli.zoo.check_json_target", interrupt)
    assert main(["zoo"]) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "villani-verify: interrupted\n"


def test_the_handler_of_the_surrounding_program_is_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert main(["--version"]) == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
