"""What a criterion is told besides the landscape and the budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from villani_verify.curvature.engine_interface import Engine

Progress = Callable[[str, int, int], None]
"""Called as progress(what is being done, steps done, steps in all)."""


def silent(message: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Settings:
    """Choices that hold for a whole verification.

    Attributes:
        seed: everything drawn follows from it.
        engine: computes Hessian quadratic forms.
        temperatures: s to which the differential-growth criteria are restricted; empty for every s > 0.
        progress: is told how far the work is.
    """

    seed: int
    engine: Engine
    temperatures: tuple[float, ...] = ()
    progress: Progress = silent


def temperatures_in_words(temperatures: Sequence[float]) -> str:
    """Return "s = …", or "every s > 0" where there are none."""
    return "s = " + ", ".join(f"{s:g}" for s in temperatures) if temperatures else "every s > 0"
