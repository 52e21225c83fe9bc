from __future__ import annotations

import os
import subprocess
import sys

import pytest

from villani_verify import __version__
from villani_verify.cli import app as application
from villani_verify.cli import main
from villani_verify.cli.app import app

COMMANDS = (
    "campaign",
    "verify",
    "psi",
    "constants",
    "spectrum",
    "langevin",
    "pac-bayes",
    "reproduce",
    "replay",
    "report",
    "zoo",
    "doctor",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_names_its_json_or_output_option(run, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    outcome = run(command, "--help")
    assert outcome.status == 0
    assert outcome.err == ""
    assert f"villani-verify {command}" in outcome.out
    assert ("--out" if command in ("report", "campaign") else "--json") in outcome.out
    assert "Exit status" in outcome.out


def test_help_lists_all_commands(run):
    outcome = run("--help")
    assert outcome.status == 0
    assert all(f" {command} " in outcome.out for command in COMMANDS)
    assert {c.callback.__name__.replace("_", "-") for c in app.registered_commands} == set(COMMANDS)


def test_every_option_is_explained(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for option in (
        "--landscape", "--model", "--dataset", "--data-dir", "--tokenizer", "--split", "--sequences", "--sequence-length",
        "--weight-decay", "--no-decay", "--temperature", "--budget", "--seed", "--engine", "--device", "--dtype", "--criteria",
        "--expect", "--out", "--json",
    ):  # fmt: skip
        line = next(line for line in run("verify", "--help").out.splitlines() if f" {option} " in line)
        assert len(line.strip("│ ").split(maxsplit=2)) == 3, line


def test_version(run):
    assert run("--version").out == f"villani-verify {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "--help"], ["--version"], ["zoom"], ["psi", "--nothing"]])
def test_help_and_wrong_usage_do_not_wait_for_torch(arguments, environment):
    code = f"import sys; from villani_verify.cli import main; main({arguments!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=False).returncode == 0


def test_without_a_command_it_is_verify(run, landscapes):
    assert application._with_command([]) == ["verify"]
    outcome = run("--landscape", f"{landscapes}:bowl", "--criteria", "quadratic_growth", "--json", "-")
    assert outcome.status == 0
    assert outcome.out.startswith("{")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["verfy"], ("'verfy'", "'verify'", "villani-verify --help")),
        (["verify", "--landscap", "x"], ("--landscap", "--landscape", "villani-verify verify --help")),
        (["psi", "--seed", "one"], ("--seed", "integer", "villani-verify psi --help")),
        (["psi", "--radius", "far"], ("--radius", "number", "villani-verify psi --help")),
        (["psi", "--radius"], ("--radius", "argument", "villani-verify psi --help")),
        (["pac-bayes", "--draws", "many"], ("--draws", "integer", "villani-verify pac-bayes --help")),
        (["replay"], ("SOURCE", "villani-verify replay --help")),
        (["report", "results.json"], ("--out", "villani-verify report --help")),
        (["zoo", "double-well"], ("double-well", "villani-verify zoo --help")),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(run, arguments, parts):
    outcome = run(*arguments)
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.startswith("villani-verify: error: ")
    assert len(outcome.err.splitlines()) == 1
    for part in parts:
        assert part in outcome.err


def test_an_unforeseen_error_keeps_its_traceback(monkeypatch):
    def broken(json_target: str | None) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("villani_verify.cli.zoo.check_json_target", broken)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["zoo"])


def test_a_closed_pipe_ends_quietly(environment):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "villani_verify.cli", "zoo", "--json", "-"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == b""
