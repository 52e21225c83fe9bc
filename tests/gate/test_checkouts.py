from __future__ import annotations

from pathlib import Path

import pytest
from gate.checkouts import checkouts, resolved

from villani_verify.errors import RequestError

from .conftest import Repository


def test_each_side_has_the_files_of_its_commit(repository: Repository) -> None:
    base, head = repository.package(work=1.0), repository.package(work=1.5)
    repository.git("tag", "old", base)
    # From a folder of the repository, whose uncommitted changes do not count.
    (repository.folder / "villani_verify" / "__init__.py").write_text("changed")
    with checkouts(repository.folder / "asv_bench", "old", "main") as sides:
        assert [sides[side].commit for side in ("base", "head")] == [base, head]
        texts = [(sides[side].folder / "villani_verify" / "__init__.py").read_text() for side in ("base", "head")]
        assert [text.splitlines()[0] for text in texts] == ["WORK = 1.0", "WORK = 1.5"]
        folders = [sides[side].folder for side in ("base", "head")]
        assert len(str(folders[0])) == len(str(folders[1]))
    assert not any(folder.exists() for folder in folders)
    assert repository.git("worktree", "list").count("\n") == 0


@pytest.mark.parametrize("revision", ["nope", "--help", "", "HEAD:villani_verify"])
def test_what_is_no_commit_is_refused(repository: Repository, revision: str) -> None:
    with pytest.raises(RequestError, match=r"^commit '.*' in .*: .*; give a hash, a branch or a tag, and fetch it first$"):
        resolved(repository.folder, revision)


def test_what_is_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"^commit 'HEAD' in .*: fatal: not a git repository"):
        resolved(tmp_path, "HEAD")
    with pytest.raises(RequestError, match=r"cannot change to .*nowhere"):
        resolved(tmp_path / "nowhere", "HEAD")


def test_without_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestError, match=r"^git: not found; install it"):
        resolved(tmp_path, "HEAD")
