from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[1] / "scripts" / "repeat_properties.py"
SPEC = importlib.util.spec_from_file_location("repeat_properties", PATH)
assert SPEC is not None
assert SPEC.loader is not None
repeat = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(repeat)


def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failing: set[int], *arguments: str) -> int:
    """Run the script with a stand-in for pytest that fails for some seeds."""

    def stand_in(seed: int, profile: str, further: list[str]) -> list[str]:
        code = f"import sys; print('all of it'); print('==', {profile!r}, {further!r}, '=='); sys.exit({int(seed in failing)})"
        return [sys.executable, "-c", code]

    monkeypatch.setattr(repeat, "command", stand_in)
    monkeypatch.setattr(sys, "argv", ["repeat", "--keep", str(tmp_path / "kept"), *arguments])
    return repeat.main()


def test_every_run_has_a_seed_of_its_own(monkeypatch, tmp_path, capsys) -> None:
    assert call(monkeypatch, tmp_path, set(), "--runs", "3", "--first-seed", "7", "--", "-n", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:3]] == ["seed 7", "seed 8", "seed 9"]
    assert "dev ['-n', '1'] [" in lines[0]
    assert lines[3:] == ["3 of 3 runs passed"]
    assert not tmp_path.joinpath("kept").exists()


def test_one_failure_is_enough_and_its_output_is_kept(monkeypatch, tmp_path, capsys) -> None:
    assert call(monkeypatch, tmp_path, {1}, "--runs", "3") == 1
    out = capsys.readouterr().out
    assert "2 of 3 runs passed" in out
    assert "[exit status 1; output in " in out
    assert [p.name for p in tmp_path.joinpath("kept").iterdir()] == ["seed-1.txt"]
    assert tmp_path.joinpath("kept", "seed-1.txt").read_text().startswith("all of it\n")


def test_the_command_names_profile_and_seed() -> None:
    command = repeat.command(5, "nightly", ["-n", "1"])
    assert command[1:] == ["-m", "pytest", "properties", "-q", "--hypothesis-profile=nightly", "--hypothesis-seed=5", "-n", "1"]


def test_no_run_at_all_is_refused(monkeypatch, tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        call(monkeypatch, tmp_path, set(), "--runs", "0")
    assert caught.value.code == 2
    assert "--runs 0: it is not at least 1" in capsys.readouterr().err
