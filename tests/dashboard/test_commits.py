from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.commits import Commits
from villani_verify.errors import RequestError


def test_subjects_and_numbers_of_commits(repository: Callable[..., list[str]], tmp_path: Path) -> None:
    hashes = repository("First", "Second <b>", "Third\n\nand why")
    commits = Commits(tmp_path / "repository")
    assert [commits.subject(h) for h in hashes] == ["First", "Second <b>", "Third"]
    assert commits.num_between(hashes[0], hashes[2]) == 2
    assert commits.num_between(hashes[1], hashes[2]) == 1


def test_a_commit_of_another_repository_is_unknown(repository: Callable[..., list[str]], tmp_path: Path) -> None:
    (known,) = repository("First")
    commits = Commits(tmp_path / "repository")
    assert commits.subject("a" * 40) is None
    assert commits.num_between(known, "a" * 40) is None
    assert commits.subject("--output=spoiled") is None


def test_parents_come_first_whatever_the_dates_are(make_repository: Callable[..., list[str]], tmp_path: Path) -> None:
    """Commits of one second, as a rebase makes them, and a child that is older than its parent by its own clock."""
    folder = tmp_path / "repository"
    hashes = make_repository(folder, *"abcdef", dates=["2026-11-26T12:00:00Z"] * 4 + ["2026-11-25T12:00:00Z"] * 2)
    commits = Commits(folder)
    assert commits.parents_first(sorted(hashes)) == tuple(hashes)
    asked = [hashes[4], "f" * 40, "--all", hashes[1], "main"]
    assert commits.parents_first(asked) == (hashes[1], hashes[4])
    assert commits.parents_first([]) == commits.parents_first(["f" * 40]) == ()


def test_a_folder_without_git_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RequestError, match="git finds none there; give --repository"):
        Commits(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestError, match="git: it cannot be started"):
        Commits(tmp_path)
