"""Whether it is the machine or the file that is to blame where a store cannot be read, and what is to be done."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from villani_verify.errors import RequestError, one_line

# What reading a damaged file raises: from SQLite, or where something is missing or of another type than it was.
_UNREADABLE = (sqlite3.Error, AttributeError, KeyError, OverflowError, TypeError, ValueError)
_MACHINE = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY,
}  # fmt: skip


class DamagedStoreError(RequestError):
    """The file is no whole store; what can be read of it can be salvaged."""


def of_the_machine(error: Exception) -> bool:
    """Say whether the machine is to blame, not the file; SQLite's codes have more bits that say more."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _MACHINE and code != sqlite3.SQLITE_IOERR_SHORT_READ


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what reading a store raises into one line.

    Raises:
        RequestError: if the machine is to blame.
        DamagedStoreError: if the file is.
    """
    try:
        yield
    except _UNREADABLE as e:
        if of_the_machine(e):
            raise RequestError(f"store {str(path)!r}: it cannot be read ({e}); look at its rights and at the disk") from e
        raise damaged(path, e) from e


def damaged(path: Path, error: Exception) -> DamagedStoreError:
    """Return the error of a store that is damaged, which says what keeps the rest of it."""
    return DamagedStoreError(
        f"store {str(path)!r}: it is damaged, or none of villani-verify ({one_line(error, 120)}); keep every result that is whole "
        f"with `villani-verify runs salvage {shlex.quote(str(path.parent))}`"
    )
