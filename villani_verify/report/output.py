"""Where a report may be written, and how it gets there whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from villani_verify.errors import OutputError

_PREFIX = ".villani-report-"


def check_output(directory: Path) -> None:
    """Check that a report can be written into a directory, by making and removing an empty one there.

    Call it before long work, so that a wrong path does not cost the results.

    Args:
        directory: must not exist yet, or be an empty directory; parents are made later where they are missing.

    Raises:
        OutputError: if it exists and is no empty directory, or nothing can be written there.
    """
    try:
        _refuse_occupied(directory)
        place = directory
        while not place.exists():
            if place.parent == place:
                raise NotADirectoryError(20, "no such root")
            place = place.parent
        Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place)).rmdir()
    except OSError as e:
        raise _cannot_write(directory, e) from e


def write_files(directory: Path, files: Mapping[str, bytes], beside: Collection[str] = ()) -> None:
    """Write files below a directory: all of them, or none.

    They are written into a temporary directory next to it (inside it, where it exists, as it may be a mount point
    or the working directory), which is then moved into place.

    Args:
        directory: must not exist yet, or be an empty directory.
        files: relative path with forward slashes → content; the last one is moved last.
        beside: what may be there, if anything is; then files of an earlier writing are replaced.

    Raises:
        OutputError: if it exists and is no empty directory, or nothing can be written there.
    """
    try:
        tops = list(dict.fromkeys(name.split("/")[0] for name in files))
        _refuse_occupied(directory, {*beside, *tops} if beside else ())
        exists = directory.is_dir()
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=directory if exists else directory.parent))
        try:
            for name, content in files.items():
                target = temporary / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            temporary.chmod(0o755)  # mkdtemp makes it private, and a report is for others to read.
            if exists:
                for top in tops:
                    if (directory / top).is_dir():  # nothing can be moved onto a directory that is not empty
                        (directory / top).replace(temporary / f"{top}.old")
                    (temporary / top).replace(directory / top)
            else:
                temporary.replace(directory)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as e:
        raise _cannot_write(directory, e) from e


def _refuse_occupied(directory: Path, beside: Collection[str] = ()) -> None:
    if directory.is_dir():
        if any(entry.name not in beside for entry in directory.iterdir()):
            raise OutputError(f"output directory {str(directory)!r}: it is not empty; give a new or an empty directory")
    elif directory.exists() or directory.is_symlink():
        raise OutputError(
            f"output directory {str(directory)!r}: it exists and is not a directory; give a new or an empty directory"
        )


def _cannot_write(directory: Path, error: OSError) -> OutputError:
    why = error.strerror or type(error).__name__
    return OutputError(f"output directory {str(directory)!r}: cannot be written ({why}); give a directory you may write to")
