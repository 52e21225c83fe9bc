"""One interval whose coverage is measured: what it is, what is asked of it, and how to make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

Replication = Callable[[int], bool]
"""Seed ↦ whether the interval that follows from this seed covers the truth."""

LEVEL = 0.95
"""Nominal coverage of every interval here."""
LOWEST, HIGHEST = 0.93, 0.97
"""Where the coverage of an interval that means what it says lies."""


class Asked(StrEnum):
    """What is asked of a coverage; the text is what tables say."""

    BOTH = "93 to 97 %"
    AT_LEAST = "at least 93 %"
    NOTHING = "a known limit"


@dataclass(frozen=True)
class Case:
    """One interval of one estimator on one subject whose truth is known exactly.

    Attributes:
        name: kebab-case, as the command takes it.
        estimator: what is measured, in a person's words; cases of one estimator stand together.
        what: subject and conditions, in a person's words.
        make: builds the subject, and returns the replication. The interval comes from the code that users run.
        asked: what is asked of the coverage.
        why: reason, where that is not 93 to 97 %.
    """

    name: str
    estimator: str
    what: str
    make: Callable[[], Replication]
    asked: Asked = Asked.BOTH
    why: str = ""
