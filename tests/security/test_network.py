"""Without a network everything works that names nothing on the hub, and does not even look for one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# All in one process, which says of each command how it ended, and whom it tried to reach.
PROGRAM = """
import contextlib, io, json, socket, sys

reached = []


def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        address = arguments[-1] if event == "socket.connect" else arguments[0]
        if not (event == "socket.connect" and isinstance(address, str)):  # a socket of this machine alone
            reached.append(f"{event} {address}")


sys.addaudithook(watch)
if sys.argv[1] == "patched":
    def refuse(*_, **__):
        raise OSError(101, "Network is unreachable")
    socket.socket.connect = socket.socket.connect_ex = refuse
    socket.getaddrinfo = refuse

from villani_verify.cli import main

found = {}
for name, arguments in json.load(sys.stdin).items():
    out, err = io.StringIO(), io.StringIO()
    before = len(reached)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    lines = [line for line in err.getvalue().splitlines() if not line.startswith("[")]
    found[name] = {"status": status, "lines": lines, "reached": reached[before:]}
sys.__stdout__.write(json.dumps(found))
"""
COMMANDS = {
    "verify": ["verify", "--landscape", "rank-deficient-least-squares", "--out", "report"],
    "psi": ["psi", "--landscape", "gpt-neo-tiny", "--json", "-"],
    "campaign": ["campaign", "plan.toml", "--out", "campaign"],
    "report": ["report", "report", "--out", "again"],
    "replay": ["replay", "report/results.json", "--criterion", "quadratic_growth"],
    "a model on the hub": ["psi", "--model", "owner/name"],
    "a text on the hub": ["psi", "--landscape", "gpt-neo-tiny", "--dataset", "wikitext-2"],
    "a tokenizer on the hub": ["psi", "--landscape", "gpt-neo-tiny", "--tokenizer", "owner/name"],
}
PLAN = 'landscape = ["gpt-neo-tiny", "double-well"]\nradii = [1.0, 10.0]\nprobes = 4\n'


def _without_network() -> list[str]:
    """Return how to run a program in a network of its own that leads nowhere; nothing where that is not permitted."""
    command = ["unshare", "-rn"]
    permitted = shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return command if permitted else []


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = tmp_path_factory.mktemp("cut-off")
    (place / "plan.toml").write_text(PLAN, encoding="utf-8")
    apart = _without_network()
    ended = subprocess.run(
        [*apart, sys.executable, "-c", PROGRAM, "apart" if apart else "patched"],
        cwd=place, env=os.environ | {"PYTHONPATH": str(ROOT), "HF_HOME": str(place / "hub")}, input=json.dumps(COMMANDS),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    seen: dict[str, Any] = json.loads(ended.stdout)
    return seen


@pytest.mark.parametrize(("name", "status"), [("verify", 0), ("psi", 0), ("campaign", 0), ("report", 0), ("replay", 0)])
def test_a_command_works_and_reaches_for_nobody(found: dict[str, Any], name: str, status: int) -> None:
    assert found[name] == {"status": status, "lines": [], "reached": []}


@pytest.mark.parametrize("name", [n for n in COMMANDS if n.endswith("hub")])
def test_a_name_on_the_hub_gives_one_line(found: dict[str, Any], name: str) -> None:
    assert found[name]["status"] == 2
    (line,) = found[name]["lines"]
    assert "hub" in line
    assert "give" in line
    # The test above would see it.
    assert found[name]["reached"]
