"""Directories for the files that an input makes; gone after each input."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# In memory where that is to be had: stores wait for the disk at every transaction.
_ROOT = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def place() -> Iterator[Path]:
    """Give an empty directory."""
    with tempfile.TemporaryDirectory(prefix="villani-fuzz-", dir=_ROOT, ignore_cleanup_errors=True) as name:
        yield Path(name)
