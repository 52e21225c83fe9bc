from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from nightly.part import last_line
from nightly.parts import CPU, GPU, KINDS
from villani_verify.calibration.__main__ import main as calibrate

ROOT = Path(__file__).resolve().parents[2]
EVERY = [pytest.param(part, id=part.name) for parts in KINDS.values() for part in parts]


def test_a_gpu_is_borrowed_for_nine_minutes_at_most() -> None:
    assert sum(part.minutes for part in GPU) <= 9


def test_names_are_different_and_can_be_names_of_files() -> None:
    names = [part.name for parts in KINDS.values() for part in parts]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


@pytest.mark.parametrize("part", EVERY)
def test_every_program_is_there(part: object) -> None:
    for command in part.commands:  # type: ignore[attr-defined]
        assert command[0] == "{python}"
        if command[1] == "-m":
            assert importlib.util.find_spec(command[2]) or command[2] in {"tox", "asv"}
        else:
            assert (ROOT / command[1]).is_file()


def test_the_dashboard_comes_last_as_it_shows_the_rest() -> None:
    assert CPU[-1].name == "dashboard"


def test_the_line_of_the_calibration_is_read_from_what_it_writes(tmp_path: Path) -> None:
    asked = ("--replications=50", "--verifications=1", "--control-seeds=0", "--only", "hutchinson-10-light", "isotropic-bowl")
    assert calibrate([f"--out={tmp_path / 'calibration'}", *asked]) == 0
    (part,) = (part for part in CPU if part.name == "calibration")
    assert part.summary(tmp_path, "") == (
        "1 intervals; 0 of 1 verifications of true landscapes refute, 0 of 5 verdicts are undecided"
    )


def test_the_summary_of_a_part_is_the_last_line_it_printed(tmp_path: Path) -> None:
    assert last_line(tmp_path, "$ pytest\n..\n==== 12 passed in 3.45s ====\n\n") == "12 passed in 3.45s"
    assert last_line(tmp_path, "\n") == "printed nothing"


def test_the_line_of_the_peers_is_read_from_their_table(tmp_path: Path) -> None:
    (part,) = (part for part in CPU if part.name == "peers")
    table = "| package | seconds a product | peak |\n|---|---|---|\n| villani-verify | 0.0076 | 0.55 |\n| PyHessian | failed | |"
    assert part.summary(tmp_path, f"before\n\n{table}\n  congratulations :)") == (
        "seconds a product: villani-verify 0.0076, PyHessian failed"
    )
    assert part.summary(tmp_path, "congratulations :)") == "no table was printed"
