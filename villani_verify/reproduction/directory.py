"""The directory of a reproduction: its own, or nobody's yet, and never another one's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from villani_verify.errors import OutputError
from villani_verify.files import write_whole


def check_free(directory: Path) -> None:
    """Check that a directory holds a reproduction, or nothing.

    Raises:
        OutputError: if it holds something else, or cannot be used.
    """
    try:
        other = directory.exists() and (not directory.is_dir() or any(directory.iterdir()))
        if other and not (directory / "settings.json").exists():
            raise OutputError(f"directory {str(directory)!r}: it holds something else; give a new one")
    except OSError as e:
        raise OutputError(f"directory {str(directory)!r}: it cannot be used ({e}); give another one") from e


def check_settings(directory: Path, settings: Mapping[str, Any]) -> None:
    """Check that a directory is this reproduction's own, or nobody's yet.

    Raises:
        OutputError: if it is of another one; the message says in what they differ.
    """
    marker = directory / "settings.json"
    try:
        if not marker.exists():
            return
        found = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise OutputError(f"directory {str(directory)!r}: it cannot be used ({e}); give another one") from e
    differing = _differing(found if isinstance(found, dict) else {}, settings)
    if differing is not None:
        raise OutputError(
            f"directory {str(directory)!r}: it holds a reproduction of another {differing}; give a new directory, or "
            "the same request"
        )


def _differing(found: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Return what differs first, with the entry of the size that does; None if nothing."""
    for name, value in settings.items():
        there = found.get(name)
        if there == value:
            continue
        if isinstance(there, dict) and isinstance(value, dict):
            return f"{name} ({next(k for k in {**value, **there} if there.get(k) != value.get(k))})"
        return "set of weights" if name == "weights" else name
    return None


def claim(directory: Path, settings: Mapping[str, Any]) -> None:
    """Make the directory this reproduction's own.

    Raises:
        OutputError: if it cannot be written.
    """
    marker = directory / "settings.json"
    try:
        if not marker.exists():
            (directory / "sections").mkdir(parents=True, exist_ok=True)
            write_whole(marker, json.dumps(settings, indent=1) + "\n")
    except OSError as e:
        raise OutputError(f"directory {str(directory)!r}: it cannot be used ({e}); give another one") from e
