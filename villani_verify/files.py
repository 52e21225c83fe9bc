"""A file is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def is_special(path: Path) -> bool:
    """Say whether the path is a pipe or a device, which must not be replaced by a file."""
    return path.exists() and not path.is_file()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file of bytes, or of UTF-8 text, beside the path and move it there; an older file stays whole if that fails.

    Raises:
        OSError: if it cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    if is_special(path):
        path.write_bytes(data)
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        # Temporary files are private; the results are to have the rights that an ordinary new file gets.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
