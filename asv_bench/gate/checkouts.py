"""The files of two commits, each in a temporary folder of its own."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from villani_verify.errors import RequestError, one_line

SIDES = ("base", "head")
"""Of a comparison. Names of one length: paths end up in the environment, and its size can move a timing."""


@dataclass(frozen=True)
class Checkout:
    """The files of a commit.

    Attributes:
        commit: full hash.
        folder: where its files lie.
    """

    commit: str
    folder: Path


@contextmanager
def checkouts(repository: Path, base: str, head: str) -> Iterator[dict[str, Checkout]]:
    """Unpack two commits, and remove them at the end.

    The repository is only read: nothing has to be cleaned up in it should this process be killed.

    Args:
        repository: a folder of it.
        base: any name of a commit.
        head: likewise.

    Yields:
        A checkout for each of `SIDES`.

    Raises:
        RequestError: if it is no repository, or has no such commit.
    """
    commits = [resolved(repository, revision) for revision in (base, head)]
    # `git archive` leaves out what lies above its folder.
    top = Path(_git(repository, "rev-parse", "--show-toplevel").decode().strip())
    with tempfile.TemporaryDirectory(prefix="gate-") as scratch:
        for side, commit in zip(SIDES, commits, strict=True):
            with tarfile.open(fileobj=io.BytesIO(_git(top, "archive", "--format=tar", commit))) as archive:
                archive.extractall(Path(scratch, side), filter="data")
        yield {side: Checkout(commit, Path(scratch, side)) for side, commit in zip(SIDES, commits, strict=True)}


def resolved(repository: Path, revision: str) -> str:
    """Return the full hash of a commit.

    Raises:
        RequestError: if there is none of that name.
    """
    try:
        return _git(repository, "rev-parse", "--verify", "--quiet", revision + "^{commit}").decode().strip()
    except subprocess.CalledProcessError as error:
        why = one_line(Exception(error.stderr.decode(errors="replace"))) if error.stderr else "no such commit"
        raise RequestError(
            f"commit {revision!r} in {repository}: {why}; give a hash, a branch or a tag, and fetch it first"
        ) from error


def _git(repository: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        raise RequestError("git: not found; install it, or put it on PATH") from error
