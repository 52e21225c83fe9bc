"""What a criterion answers: one of four statuses, with the effort and the error level behind it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The four answers. No finite run proves a limit, so none of them is "proved"."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"

    @property
    def meaning(self) -> str:
        """The answer in a sentence."""
        return _MEANING[self]


_MEANING = {
    Status.SUPPORTED: "No counterexample was found, at the stated level, after the stated search.",
    Status.REFUTED: "A counterexample was found; the witness replays it.",
    Status.INCONCLUSIVE: "The budget did not decide; the summary says what would.",
    Status.NOT_APPLICABLE: "The criterion does not speak about this landscape; the summary says why.",
}


@dataclass
class Cost:
    """Effort, counted as it is spent.

    Attributes:
        num_losses: evaluations of L over the whole list of batches.
        num_gradients: gradients of L.
        num_matvecs: Hessian quadratic forms vᵀ∇²L v.
        num_jets: Taylor expansions along a line.
        seconds: wall-clock time.
    """

    num_losses: int = 0
    num_gradients: int = 0
    num_matvecs: int = 0
    num_jets: int = 0
    seconds: float = 0.0
    _started: float = field(default_factory=time.perf_counter, repr=False, compare=False)

    def stop(self) -> Cost:
        """Note the wall-clock time since creation and return self."""
        self.seconds = time.perf_counter() - self._started
        return self

    def as_dict(self) -> dict[str, float]:
        """Return the counts for the results file."""
        return {
            "num_losses": self.num_losses,
            "num_gradients": self.num_gradients,
            "num_matvecs": self.num_matvecs,
            "num_jets": self.num_jets,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class CriterionResult:
    """The answer of one criterion on one landscape.

    Attributes:
        name: one of the five names, such as "quadratic_growth".
        status: the answer.
        claim: what was tested, as a formula in words.
        summary: the answer in one or two plain sentences, with the numbers that decided.
        statistic_name: what `statistic` is.
        statistic: the number that decided; may be infinite, never NaN.
        interval: interval of the statistic at `level`.
        level: confidence of the interval and of the verdict, such as 0.99.
        evidence: what figures and tables need; plain JSON values.
        witness: enough to recompute a refutation; None unless refuted.
        cost: what was spent.
    """

    name: str
    status: Status
    claim: str
    summary: str
    statistic_name: str
    statistic: float | None
    interval: tuple[float, float] | None
    level: float
    evidence: Mapping[str, Any]
    witness: Mapping[str, Any] | None
    cost: Cost
