"""How tables and figures call a checkpoint."""

from __future__ import annotations

from pathlib import PurePath


def short_name(checkpoint: str) -> str:
    """Return the last part of a checkpoint's directory, and all of a path that has none, such as "."."""
    return PurePath(checkpoint).name or checkpoint
