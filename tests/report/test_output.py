from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from villani_verify.errors import OutputError
from villani_verify.report import check_output
from villani_verify.report.output import write_files

FILES = {"figures/a.svg": b"<svg/>", "index.html": b"page"}


def names(directory: Path) -> list[str]:
    return sorted(p.relative_to(directory).as_posix() for p in directory.rglob("*"))


@pytest.mark.parametrize("where", ["new", "several/levels/down"])
def test_directory_that_does_not_exist_is_made(tmp_path, where):
    check_output(tmp_path / where)
    assert names(tmp_path) == []
    write_files(tmp_path / where, FILES)
    assert names(tmp_path / where) == ["figures", "figures/a.svg", "index.html"]
    assert (tmp_path / where / "index.html").read_bytes() == b"page"
    assert [p.name for p in (tmp_path / where).parent.iterdir()] == [Path(where).name]


def test_empty_directory_is_kept_and_filled(tmp_path, monkeypatch):
    before = tmp_path.stat().st_ino
    monkeypatch.chdir(tmp_path)
    check_output(Path("."))
    write_files(Path("."), FILES)
    assert names(tmp_path) == ["figures", "figures/a.svg", "index.html"]
    assert tmp_path.stat().st_ino == before


def refused(directory: Path, message: str) -> None:
    for attempt in (check_output, lambda d: write_files(d, FILES)):
        with pytest.raises(OutputError, match=message) as caught:
            attempt(directory)
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(f"output directory {str(directory)!r}: ")


def test_directory_with_something_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    refused(tmp_path, "it is not empty; give a new or an empty directory")
    assert names(tmp_path) == ["mine.txt"]


def test_file_and_dangling_link_are_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "exists and is not a directory")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    refused(tmp_path / "link", "exists and is not a directory")


def test_file_as_a_parent_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file" / "out", "cannot be written")
    refused(tmp_path / "file" / "deeper" / "out", "cannot be written")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_directory_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    try:
        refused(tmp_path / "out", re.escape("cannot be written (Permission denied); give a directory you may write to"))
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses even the superuser")
def test_place_that_nobody_may_write_to_is_refused():
    refused(Path("/proc/report"), "cannot be written")


@pytest.mark.parametrize("exists", [False, True])
def test_failure_half_way_leaves_nothing_behind(tmp_path, monkeypatch, exists):
    directory = tmp_path / "out"
    if exists:
        directory.mkdir()
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "index.html":
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_files(directory, FILES)
    assert names(tmp_path) == (["out"] if exists else [])
