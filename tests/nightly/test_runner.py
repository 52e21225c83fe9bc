from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nightly import runner
from nightly.journal import Record, read
from nightly.part import Part
from nightly.runner import run

ROOT = Path(__file__).resolve().parents[2]
RECORD = Record("abc", "here", "cpu", "2026-01-01T00:00:00+00:00", {})


def python(code: str) -> list[str]:
    return ["{python}", "-c", code]


def part(name: str, *codes: str, minutes: float = 1, **more: object) -> Part:
    return Part(name, "about", [python(code) for code in codes], minutes, **more)  # type: ignore[arg-type]


def test_a_part_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    said: list[str] = []
    parts = [
        part("first", "print('1 of 1 right')"),
        part("second", "import sys; print('halfway'); sys.exit(3)", "print('never')"),
        part("third", "print('fine'); print()"),
    ]
    record = run(parts, RECORD, tmp_path, say=said.append)
    assert [(p.name, p.status) for p in record.parts] == [("first", "passed"), ("second", "failed"), ("third", "passed")]
    assert record.finished >= record.started
    assert read(tmp_path) == record
    assert said[0].startswith("first: passed in ")
    assert said[0].endswith("s: 1 of 1 right")
    log = tmp_path / "logs" / "second.log"
    assert record.parts[1].summary == f"-c import sys; print('halfway'); sys.exit(3) ended with status 3; {log}"
    assert "halfway" in log.read_text()
    assert "never" not in log.read_text().splitlines()
    assert said[2].endswith("s: fine")


@pytest.mark.parametrize("error", [KeyError("rows"), ValueError("two\nlines"), FileNotFoundError(2, "No such file", "x.json")])
def test_results_that_cannot_be_summed_up_are_a_failure_of_their_part_alone(error: Exception, tmp_path: Path) -> None:
    def summary(folder: Path, printed: str) -> str:
        raise error

    record = run([part("first", "", summary=summary), part("second", "print('fine')")], RECORD, tmp_path, say=lambda line: None)
    assert [(p.name, p.status) for p in record.parts] == [("first", "failed"), ("second", "passed")]
    assert record.parts[0].summary.startswith(f"its results cannot be read ({type(error).__name__}: ")
    assert "\n" not in record.parts[0].summary


def test_words_are_filled_in_and_the_environment_is_set(tmp_path: Path) -> None:
    code = "import os, sys; open(sys.argv[1] + '/seen', 'w').write(sys.argv[2] + os.environ['COLOUR'] + os.getcwd())"
    one = Part("one", "about", [[*python(code), "{out}", "{machine}"]], 1, environment=(("COLOUR", "blue"),))
    assert run([one], RECORD, tmp_path, say=lambda line: None).passed("one")
    assert (tmp_path / "seen").read_text() == f"hereblue{ROOT}"


def test_a_program_that_is_missing_is_a_failure(tmp_path: Path) -> None:
    record = run([Part("one", "about", [["no-such-program"]], 1)], RECORD, tmp_path, say=lambda line: None)
    assert record.parts[0].summary.startswith("no-such-program cannot be started (No such file or directory); ")


def test_a_part_that_takes_too_long_ends_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "GRACE", 0.5)
    code = (
        "import pathlib, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid)); time.sleep(600)"
    )
    record = run([part("long", code, minutes=0.05), part("next", "print('ok')")], RECORD, tmp_path, say=lambda line: None)
    assert "was stopped as the time of this part was over" in record.parts[0].summary
    assert record.passed("next")
    assert not alive(int((tmp_path / "child").read_text()))


def test_what_passed_is_not_run_again_and_what_failed_is(tmp_path: Path) -> None:
    count = f"open({str(tmp_path / 'runs')!r}, 'a').write"
    parts = [
        part("good", f"{count}('g')"),
        part("flaky", f"{count}('f'); import os, sys; sys.exit(not os.path.exists({str(tmp_path / 'mended')!r}))"),
    ]
    first = run(parts, RECORD, tmp_path, say=lambda line: None)
    assert not first.passed("flaky")
    (tmp_path / "mended").touch()
    said: list[str] = []
    second = run(parts, read(tmp_path) or pytest.fail("no record"), tmp_path, say=said.append)
    assert said[0] == "good: passed before"
    assert second.passed("flaky")
    assert [p.name for p in second.parts] == ["good", "flaky"]
    assert (tmp_path / "runs").read_text() == "gff"
    third = run(parts, second, tmp_path, say=lambda line: None)
    assert third.parts == second.parts
    assert third.finished


def test_what_a_part_writes_whole_is_removed_before_it(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "half.html").touch()
    code = f"import os; os.mkdir({str(tmp_path / 'report')!r})"
    assert run([part("report", code, replaces=("report",))], RECORD, tmp_path, say=lambda line: None).passed("report")
    assert list((tmp_path / "report").iterdir()) == []


def test_a_run_that_was_killed_goes_on_with_the_part_that_was_running(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from nightly.journal import Record, read
from nightly.part import Part
from nightly.runner import run
folder = Path({str(tmp_path / "out")!r})
folder.mkdir(exist_ok=True)
append = f"import time; open({str(tmp_path / "runs")!r}, 'a').write"
wait = f"; import os; time.sleep(0 if os.path.exists({str(tmp_path / "go")!r}) else 600)"
parts = [Part(n, "", [[sys.executable, "-c", f"{{append}}({{n!r}})" + (wait if n == "b" else "")]], 1) for n in "abc"]
record = run(parts, read(folder) or Record("abc", "here", "cpu", "2026", {{}}), folder, say=lambda line: None)
sys.exit(not record.finished)
"""
    )
    process = subprocess.Popen([sys.executable, str(program)], start_new_session=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "runs").exists() or (tmp_path / "runs").read_text() != "ab":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    found = read(tmp_path / "out")
    assert found is not None
    assert [p.name for p in found.parts] == ["a"]
    assert not found.finished
    (tmp_path / "go").touch()
    subprocess.run([sys.executable, str(program)], check=True, timeout=60)
    assert (tmp_path / "runs").read_text() == "abbc"
    found = read(tmp_path / "out")
    assert found is not None
    assert [p.name for p in found.parts] == ["a", "b", "c"]
    assert found.finished


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # A zombie waits for its parent and does nothing.
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_interruption_ends_the_running_part(tmp_path: Path) -> None:
    code = f"import os, time; open({str(tmp_path / 'child')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    program = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); from nightly import __main__ as m; from nightly.part import Part;"
        f"m.KINDS = {{'cpu': [Part('only', 'about', [[sys.executable, '-c', {code!r}]], 1)]}};"
        "sys.exit(m.main(['--out', sys.argv[2]]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(ROOT), str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.strip() == "nightly: interrupted; the same command goes on from here"
    assert not alive(int((tmp_path / "child").read_text()))
