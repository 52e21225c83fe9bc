from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from villani_verify.files import is_special, write_whole


def test_a_file_is_written_with_the_rights_of_an_ordinary_one(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_whole(target, "ψ\n")
    assert target.read_text(encoding="utf-8") == "ψ\n"
    ordinary = tmp_path / "b.txt"
    ordinary.touch()
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


def test_what_fails_leaves_the_older_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.txt"
    target.write_text("older")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, "newer")
    assert target.read_text() == "older"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_devices_are_written_to_and_not_replaced() -> None:
    assert is_special(Path("/dev/null"))
    write_whole(Path("/dev/null"), "gone")
    assert is_special(Path("/dev/null"))
