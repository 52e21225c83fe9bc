"""Whether a landscape's name is that of a user's code, for whoever must not import torch to know it."""

from __future__ import annotations


def code_in(reference: object) -> tuple[str, str] | None:
    """Return the file and the function in it that a landscape's name stands for, None where it is no file.py:function."""
    if not isinstance(reference, str) or ":" not in reference:
        return None
    file, _, function = reference.rpartition(":")
    return file, function
