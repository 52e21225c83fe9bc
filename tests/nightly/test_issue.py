from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from nightly import issue
from nightly.journal import Done, Record

GOOD = Done("verdicts", "passed", 12.0, "275 right, 0 wrong")
BAD = Done("peers", "failed", 3.0, "`tox` ended with status 1")


class Hub:
    """A `gh` that keeps its issues in a file, and writes down what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "issues.json"
        self.state.write_text("[]")
        program = folder / "gh"
        program.write_text(
            f"""#!{sys.executable}
import json, pathlib, sys
state = pathlib.Path({str(self.state)!r})
issues = json.loads(state.read_text())
arguments, text = sys.argv[1:], sys.stdin.read()
after = lambda name: arguments[arguments.index(name) + 1]
match arguments[:2]:
    case ["issue", "list"]:
        assert (after("--label"), after("--state")) == ("nightly", "open")
        print(json.dumps([{{"number": i["number"]}} for i in issues if i["open"]]))
    case ["issue", "create"]:
        assert after("--label") == "nightly" and after("--body-file") == "-"
        issues.append({{"number": len(issues) + 7, "open": True, "title": after("--title"), "texts": [text]}})
        print(f"https://example.org/issues/{{issues[-1]['number']}}")
    case ["issue", "comment"]:
        assert after("--body-file") == "-"
        next(i for i in issues if str(i["number"]) == arguments[2])["texts"].append(text)
    case ["issue", "close"]:
        found = next(i for i in issues if str(i["number"]) == arguments[2])
        found["open"] = False
        found["texts"].append(after("--comment"))
    case ["label", "create"]:
        pass
    case _:
        sys.exit("unknown command")
state.write_text(json.dumps(issues))
"""
        )
        program.chmod(program.stat().st_mode | stat.S_IEXEC)

    def issues(self) -> list[dict]:
        return json.loads(self.state.read_text())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return Hub(tmp_path)


def record(*parts: Done, finished: str = "2026-01-01T05:00:00+00:00") -> Record:
    return Record("c0ffee", "here", "cpu", "2026-01-01T04:00:00+00:00", {}, finished, parts)


def test_one_issue_is_opened_updated_and_closed(hub: Hub) -> None:
    assert issue.announce(record(GOOD), "") == "passed, and no issue is open"
    assert hub.issues() == []
    assert issue.announce(record(GOOD, BAD), "https://example.org/run/1") == "opened https://example.org/issues/7"
    assert issue.announce(record(BAD), "https://example.org/run/2") == "commented on issue 7"
    (only,) = hub.issues()
    assert (only["open"], only["title"]) == (True, "The nightly fails")
    first, second = only["texts"]
    assert first.splitlines()[0] == "Commit c0ffee, machine here, started 2026-01-01T04:00:00+00:00. https://example.org/run/1"
    assert first.splitlines()[2:] == [
        "* peers: **failed** in 3 s: ` tox  ended with status 1`",
        "* verdicts: **passed** in 12 s: `275 right, 0 wrong`",
    ]
    assert "run/2" in second
    assert issue.announce(record(GOOD), "https://example.org/run/3") == "closed issue 7"
    assert not hub.issues()[0]["open"]
    assert hub.issues()[0]["texts"][-1] == "It passes again. https://example.org/run/3"
    assert issue.announce(record(BAD), "") == "opened https://example.org/issues/8"


@pytest.mark.parametrize("nothing", [None, record(finished=""), record(GOOD, finished=""), record()])
def test_a_nightly_without_results_is_a_failure(hub: Hub, nothing: Record | None) -> None:
    assert issue.announce(nothing, "").startswith("opened ")
    (text,) = hub.issues()[0]["texts"]
    assert "left no record" in text if nothing is None else "c0ffee" in text
    assert ("did not run to its end" in text) == (nothing is not None and not nothing.finished)


def test_the_command_reads_the_folder(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert issue.main(["--out", str(tmp_path / "nowhere")]) == 0
    assert capsys.readouterr().out.startswith("opened ")
    record(GOOD).write(tmp_path)
    assert issue.main(["--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "closed issue 7\n"
    (tmp_path / "nightly.json").write_text("{")
    assert issue.main(["--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "not the record of a nightly" in said.err
    assert said.out.startswith("opened ")


def test_without_gh_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert issue.main(["--out", str(tmp_path)]) == 2
    assert (
        capsys.readouterr().err
        == "nightly.issue: error: gh: cannot be started (No such file or directory); install GitHub's command line\n"
    )


def test_what_gh_says_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gh").write_text("#!/bin/sh\necho 'not logged in' >&2\nexit 4\n")
    (tmp_path / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert issue.main(["--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "nightly.issue: error: gh issue list: status 4: not logged in; set GH_TOKEN and GH_REPO\n"


def test_the_address_of_the_run() -> None:
    there = {"GITHUB_SERVER_URL": "https://example.org", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "5"}
    assert issue.run_address(there) == "https://example.org/a/b/actions/runs/5"
    assert issue.run_address({}) == ""
