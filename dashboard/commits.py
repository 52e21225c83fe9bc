"""What git knows about a commit that asv names by its hash."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from villani_verify.errors import RequestError

_FULL_HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Commits:
    """The commits of a repository.

    Attributes:
        repository: a working tree of git, or a folder in one.

    Raises:
        RequestError: if it is none, or git is not installed.
    """

    repository: Path

    def __post_init__(self) -> None:
        if self._git("rev-parse", "--git-dir") is None:
            raise RequestError(
                f"repository {str(self.repository)!r}: git finds none there; give --repository a checkout of what was measured"
            )

    def subject(self, commit: str) -> str | None:
        """Return the first line of a commit's message; None if the repository does not have the commit."""
        return self._git("show", "--no-patch", "--format=%s", "--end-of-options", commit)

    def num_between(self, before: str, after: str) -> int | None:
        """Return the number of commits that `after` has and `before` has not; None if the repository lacks one of the two."""
        counted = self._git("rev-list", "--count", "--end-of-options", f"{before}..{after}")
        return None if counted is None else int(counted)

    def parents_first(self, commits: Iterable[str]) -> tuple[str, ...]:
        """Return those that the repository has, by date but none before its parents, whatever their dates are."""
        asked = {c for c in commits if _FULL_HASH.fullmatch(c)}
        found = self._git("rev-list", "--date-order", "--reverse", "--ignore-missing", "--stdin", given="\n".join(asked))
        return tuple(c for c in (found or "").splitlines() if c in asked)

    def _git(self, *arguments: str, given: str = "") -> str | None:
        command = ["git", "-C", str(self.repository), *arguments]
        try:
            done = subprocess.run(command, input=given, capture_output=True, encoding="utf-8", errors="replace", check=False)
        except OSError as e:
            raise RequestError(f"git: it cannot be started ({e.strerror}); install it") from e
        return done.stdout.strip() if done.returncode == 0 else None
