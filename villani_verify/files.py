"""A file is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from villani_verify.errors import OutputError


def is_special(path: Path) -> bool:
    """Say whether the path is a pipe or a device, which must not be replaced by a file."""
    return path.exists() and not path.is_file()


def write_whole(path: Path, content: str | bytes | memoryview) -> None:
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


def write_file(content: str | bytes, target: str | Path, what: str) -> None:
    """Write to a path, whole or not at all.

    Args:
        content: bytes, or text that is written as UTF-8.
        target: the path.
        what: what to call the file in an error.

    Raises:
        OutputError: if it cannot be written; an older file is then still whole.
    """
    try:
        write_whole(Path(target), content)
    except OSError as e:
        raise OutputError(f"{what} {str(target)!r}: it cannot be written ({e.strerror}); give another path") from e
