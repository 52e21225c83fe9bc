"""Where a command writes: checked before the work, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from villani_verify.errors import OutputError, RequestError
from villani_verify.files import is_special, write_file

STANDARD_OUTPUT = "-"


def check_json_target(target: str | None) -> None:
    """Check that JSON can be written to a path; None and "-" (standard output) always can; see `check_file_target`."""
    if target is not None and target != STANDARD_OUTPUT:
        check_file_target(target, "JSON file")


def check_file_target(target: str, what: str) -> None:
    """Check that a file can be written to a path, by making and removing one there.

    Args:
        target: the path.
        what: what to call the file in an error.

    Raises:
        OutputError: if the path is a directory, or nothing can be written beside it.
    """
    path = Path(target)
    where = f"{what} {target!r}"
    try:
        if path.is_dir():
            raise OutputError(f"{where}: it is a directory; give the path of a file")
        if is_special(path):
            return
        if not path.parent.is_dir():
            raise OutputError(f"{where}: there is no directory {str(path.parent)!r}; make it first, or give another path")
        # Trying is the only answer that holds for every file system, also for the superuser.
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        os.close(descriptor)
        os.unlink(name)
    except OSError as e:
        raise OutputError(f"{where}: nothing can be written there ({e.strerror}); give another path") from e


def write_json(data: Mapping[str, Any], target: str) -> None:
    """Write `data` as one JSON object to a path, or to standard output for "-".

    Raises:
        OutputError: if it cannot be written; an older file is then still whole.
    """
    text = json.dumps(data, indent=2, allow_nan=False) + "\n"
    if target == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    write_file(text, target, "JSON file")


@contextlib.contextmanager
def standard_output_for(json_target: str | None) -> Iterator[None]:
    """While JSON goes to standard output, send everything else that is printed to standard error."""
    with contextlib.redirect_stdout(sys.stderr) if json_target == STANDARD_OUTPUT else contextlib.nullcontext():
        yield


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; for a report's directory, that in its results.json.

    Raises:
        RequestError: if there is no such file, or it holds no JSON object.
    """
    file = path / "results.json" if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as e:
        why = (e.strerror or "unreadable") if isinstance(e, OSError) else "it is not UTF-8 text"
        raise RequestError(f"results file {str(file)!r}: {why}; give the results.json of a report, or its directory") from e
    return parse_object(text, f"results file {str(file)!r}")


def parse_object(text: str, where: str) -> dict[str, Any]:
    """Return the JSON object in `text`.

    Raises:
        RequestError: if there is none.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise RequestError(f"{where}: it is not JSON ({e}); give the results.json of a report") from e
    if not isinstance(data, dict):
        raise RequestError(f"{where}: it holds no JSON object; give the results.json of a report")
    return data


def check_schema(results: Mapping[str, Any], where: str) -> None:
    """Check that an object is the results of a verification of the version that this program writes.

    Raises:
        RequestError: if it is not.
    """
    from villani_verify.verification import SCHEMA_VERSION

    version = results.get("schema_version")
    if version is None:
        raise RequestError(f"{where}: it has no schema_version, so it is no results file; give the results.json of a report")
    if version != SCHEMA_VERSION:
        raise RequestError(f"{where}: its schema_version is {version!r}, and this program reads {SCHEMA_VERSION}; verify again")
    rows = results.get("criteria")
    if (
        not isinstance(rows, dict)
        or not all(isinstance(row, dict) for row in rows.values())
        or not isinstance(results.get("landscape"), dict)
    ):
        raise RequestError(f"{where}: it lacks its landscape or its criteria; verify again")
