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


def test_a_folder_without_git_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RequestError, match="git finds none there; give --repository"):
        Commits(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestError, match="git: it cannot be started"):
        Commits(tmp_path)
