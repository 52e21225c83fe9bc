"""Where failing examples are kept: a local directory, and a shared one that is read and never written.

A nightly run writes what fails to `.hypothesis/examples`. Whoever sets VILLANI_SHARED_EXAMPLES replays that elsewhere:

    VILLANI_SHARED_EXAMPLES=path/to/unpacked/examples pytest properties --hypothesis-profile=reuse
    VILLANI_SHARED_EXAMPLES=owner/repository GITHUB_TOKEN=… pytest properties --hypothesis-profile=reuse

The second form downloads the newest artifact of that repository, once a day at most. Nothing else uses the network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    ExampleDatabase,
    GitHubArtifactDatabase,
    MultiplexedDatabase,
    ReadOnlyDatabase,
)

from villani_verify.errors import RequestError

SHARED_VARIABLE = "VILLANI_SHARED_EXAMPLES"
LOCAL_DIRECTORY = ".hypothesis/examples"
ARTIFACT = "hypothesis-example-db"
"""Name of the artifact in which a workflow uploads its local directory."""

# A database has one directory for each property, named by a hash.
_KEY = re.compile(r"[0-9a-f]{16}")
_REPOSITORY = re.compile(r"([\w.-]+)/([\w.-]+)")


class LabelledDatabase(ExampleDatabase):
    """A part of a database that one claim has to itself.

    Hypothesis addresses examples by the source code of the property. Claims share theirs (`claims.check_claim`), and each
    would drop, as no longer failing, what another had saved.
    """

    def __init__(self, database: ExampleDatabase, label: str) -> None:
        """Take the whole database, and a label that no other claim has."""
        super().__init__()
        self._database = database
        self._label = label

    def __repr__(self) -> str:
        return f"LabelledDatabase({self._database!r}, {self._label!r})"

    def save(self, key: bytes, value: bytes) -> None:
        """Keep an example."""
        self._database.save(self._labelled(key), value)

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """Return what is kept."""
        return self._database.fetch(self._labelled(key))

    def delete(self, key: bytes, value: bytes) -> None:
        """Forget an example."""
        self._database.delete(self._labelled(key), value)

    def _labelled(self, key: bytes) -> bytes:
        return f"{self._label}\0".encode() + key


def example_database() -> ExampleDatabase:
    """Return the local directory, together with the shared examples if VILLANI_SHARED_EXAMPLES names any.

    Raises:
        RequestError: if it names nothing that can be read.
    """
    local = DirectoryBasedExampleDatabase(LOCAL_DIRECTORY)
    named = os.environ.get(SHARED_VARIABLE)
    return local if not named else MultiplexedDatabase(local, ReadOnlyDatabase(shared_examples(named)))


def shared_examples(named: str) -> ExampleDatabase:
    """Return the examples of a directory or of a repository's newest artifact.

    Args:
        named: a directory as Hypothesis writes it, or "owner/repository". A directory comes first where both exist.

    Raises:
        RequestError: if there is no such directory, it holds something else, or a repository is named without GITHUB_TOKEN:
            GitHub gives artifacts to nobody without a token, which needs `actions:read`.
    """
    path = Path(named)
    if path.is_dir():
        _check_directory(path)
        return DirectoryBasedExampleDatabase(path)
    repository = _REPOSITORY.fullmatch(named)
    if path.exists() or repository is None:
        what = "it is a file" if path.exists() else "there is no such directory"
        raise _refused(named, f"{what}; give the directory of unpacked examples, or owner/repository on GitHub")
    if not os.environ.get("GITHUB_TOKEN"):
        raise _refused(
            named,
            "there is no such directory, and to fetch the artifact of a GitHub repository needs a token; mend the path, or set "
            "GITHUB_TOKEN to one that may read actions",
        )
    return GitHubArtifactDatabase(repository[1], repository[2], artifact_name=ARTIFACT)


def _check_directory(path: Path) -> None:
    try:
        names = [entry.name for entry in path.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise _refused(str(path), f"it cannot be read ({error.strerror}); mend its permissions") from None
    # An empty one is what a run without failures leaves.
    if names and not any(map(_KEY.fullmatch, names)):
        below = path / "examples"
        remedy = f"give {below}" if below.is_dir() else "give the directory .hypothesis/examples of the other machine"
        raise _refused(str(path), f"it holds no examples; {remedy}")


def _refused(named: str, why: str) -> RequestError:
    return RequestError(f"{SHARED_VARIABLE}={named!r}: {why}")
