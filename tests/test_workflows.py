"""What the workflows promise; their syntax and security are checked by `tox -e workflows`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
# YAML 1.1 reads the key "on" as a truth value.
ON = True


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, workflow in WORKFLOWS.items():
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                yield name, step


def environments() -> set[str]:
    tox = ConfigParser()
    tox.read(ROOT / "tox.ini")
    return {section.removeprefix("testenv:") for section in tox.sections() if section.startswith("testenv:")}


def test_there_are_three() -> None:
    assert set(WORKFLOWS) == {"nightly", "pull-request", "release"}


def test_they_only_call_tox() -> None:
    called = set()
    for _, step in steps():
        if "run" in step and step["run"] != 'python -m pip install "tox>=4.20"':
            found = re.fullmatch(r"tox -e ([a-z-]+)( -- [^\n]+)?", step["run"])
            assert found, step["run"]
            called.add(found[1])
    assert {"tests", "nightly", "gpu", "package"} <= called <= environments()


def test_every_linted_file_is_named() -> None:
    commands = (ROOT / "tox.ini").read_text().split("[testenv:workflows]")[1].split("[testenv")[0]
    assert all(f".github/workflows/{name}.yml" in commands for name in WORKFLOWS)


def test_actions_are_pinned_to_commits() -> None:
    used = [step["uses"] for _, step in steps() if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action


def test_nobody_may_write_more_than_is_needed() -> None:
    rights = {
        (name, job): workflow["jobs"][job].get("permissions", workflow["permissions"])
        for name, workflow in WORKFLOWS.items()
        for job in workflow["jobs"]
    }
    writing = {key: right for key, right in rights.items() if "write" in right.values()}
    assert writing == {
        ("nightly", "cpu"): {"contents": "read", "issues": "write"},
        ("release", "publish"): {"id-token": "write"},
    }


def test_benchmarks_run_on_pull_requests_only_by_label() -> None:
    jobs = WORKFLOWS["pull-request"]["jobs"]
    assert jobs["benchmarks"]["if"] == "github.event.action == 'labeled' && github.event.label.name == 'benchmarks'"
    assert all(job["if"] == "github.event.action != 'labeled'" for name, job in jobs.items() if name != "benchmarks")


def test_the_issue_is_brought_up_to_date_after_success_and_failure() -> None:
    (step,) = (step for _, step in steps() if step.get("run") == "tox -e nightly-issue")
    assert step["if"] == "always()"
    assert WORKFLOWS["nightly"][ON]["schedule"]


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_no_job_runs_for_ever(name: str) -> None:
    assert all(job["timeout-minutes"] <= 120 for job in WORKFLOWS[name]["jobs"].values())
