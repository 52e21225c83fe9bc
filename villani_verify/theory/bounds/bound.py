"""A bound on a constant of the Gibbs measure: its value, its source, and what it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Inequality(StrEnum):
    """Which constant is bounded; a bound on C_LS is one on C_P too."""

    LOG_SOBOLEV = "log-Sobolev"
    POINCARE = "Poincaré"


class ConditionStatus(StrEnum):
    """What is known of a condition."""

    HOLDS = "holds"
    NO_FAILURE_FOUND = "no failure found"
    FAILS = "fails"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Condition:
    """What a bound rests on.

    Attributes:
        text: the condition, as a clause.
        status: what is known of it.
        evidence: how that is known; empty where it is not.
    """

    text: str
    status: ConditionStatus
    evidence: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return plain values for JSON."""
        return {"text": self.text, "status": str(self.status), "evidence": self.evidence}


@dataclass(frozen=True)
class Bound:
    """An upper bound on C_P or C_LS.

    Attributes:
        name: for tables and JSON.
        inequality: which constant.
        value: the bound, in the units of ‖θ‖²; None where a condition fails or is not known well enough to have a value.
        conditions: all of them.
        source: author, year.
    """

    name: str
    inequality: Inequality
    value: float | None
    conditions: tuple[Condition, ...]
    source: str

    @property
    def applies(self) -> bool:
        """Whether there is a value and no condition is known to fail."""
        return self.value is not None and all(c.status is not ConditionStatus.FAILS for c in self.conditions)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.name,
            "inequality": str(self.inequality),
            "value": self.value,
            "conditions": [c.as_dict() for c in self.conditions],
            "source": self.source,
        }


def exponential(exponent: float) -> float | None:
    """Return exp(exponent), or None where that is too large for a float."""
    return math.exp(exponent) if exponent < math.log(1.7e308) else None
