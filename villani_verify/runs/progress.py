"""How far a unit is, where somebody in its own process looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from villani_verify.criteria.settings import Progress, silent

_shown: Progress = silent


def show(message: str, done: int, total: int) -> None:
    """Tell whoever looks."""
    _shown(message, done, total)


@contextmanager
def shown_by(progress: Progress) -> Iterator[None]:
    """Let units that are computed in this process tell `progress` how far they are."""
    global _shown
    before, _shown = _shown, progress
    try:
        yield
    finally:
        _shown = before
