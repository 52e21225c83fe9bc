"""What a section of a reproduction returns, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from villani_verify.report.figures.canvas import Drawn
from villani_verify.reproduction.claims import Finding
from villani_verify.reproduction.sizes import Size
from villani_verify.reproduction.subject import Subject

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Work:
    """What a section works on.

    Attributes:
        subject: the model and its text.
        size: how much to do.
        seed: everything drawn follows from it.
        progress: told (what, done, in all).
    """

    subject: Subject
    size: Size
    seed: int
    progress: Progress = lambda *_: None


@dataclass(frozen=True)
class SectionResult:
    """What was found.

    Attributes:
        findings: one for each claim that the section speaks of.
        data: the numbers behind them; plain JSON values.
        figures: pictures.
    """

    findings: tuple[Finding, ...]
    data: dict[str, Any]
    figures: tuple[Drawn, ...] = field(default=())
