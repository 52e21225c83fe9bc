"""The figures that came with this version of the package."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

NAME = "measured.json"


def kept() -> dict[str, Any] | None:
    """Return what the last full calibration wrote, or None if the package has none."""
    file = files("villani_verify.calibration").joinpath(NAME)
    if not file.is_file():
        return None
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
