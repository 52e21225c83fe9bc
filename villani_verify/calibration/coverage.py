"""Counting how often an interval covers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from villani_verify.calibration.case import HIGHEST, LEVEL, LOWEST, Asked, Case
from villani_verify.curvature.probes import derive_seed
from villani_verify.estimation.estimate import Interval
from villani_verify.estimation.proportion import clopper_pearson

ENOUGH = 10_000
"""From so many replications on the figure itself is judged: its error is 0.22 %."""

_CLEARLY = 0.9999
"""Level at which few replications say that a figure is missed: sixty intervals a night give a false alarm in 200 nights at most."""

Tick = Callable[[int, int], None]
"""Is told (done, total)."""


@dataclass(frozen=True)
class Coverage:
    """How often one case's interval covered.

    Attributes:
        case: which.
        replications: so many intervals,
        covered: of which so many covered.
        seed: from which all of them follow.
        seconds: wall-clock time.
    """

    case: Case
    replications: int
    covered: int
    seed: int
    seconds: float

    @property
    def fraction(self) -> float:
        """The measured coverage."""
        return self.covered / self.replications

    @property
    def interval(self) -> Interval:
        """The exact 95 % interval of the coverage."""
        return clopper_pearson(self.covered, self.replications)

    @property
    def within(self) -> str:
        """Whether the figure is from 93 to 97 %: "yes", "below" or "above"."""
        return "below" if self.fraction < LOWEST else "above" if self.fraction > HIGHEST else "yes"

    @property
    def met(self) -> bool:
        """Whether what is asked is met, or, where replications are few, not clearly missed."""
        if self.replications >= ENOUGH:
            low = high = self.fraction
        else:
            low, high = clopper_pearson(self.covered, self.replications, _CLEARLY)
        return self.case.asked is Asked.NOTHING or (high >= LOWEST and (low <= HIGHEST or self.case.asked is Asked.AT_LEAST))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.case.name,
            "estimator": self.case.estimator,
            "what": self.case.what,
            "nominal": LEVEL,
            "replications": self.replications,
            "covered": self.covered,
            "coverage": self.fraction,
            "interval": list(self.interval),
            "asked": str(self.case.asked),
            "within": self.within,
            "met": self.met,
            "why": self.case.why,
            "seed": self.seed,
            "seconds": self.seconds,
        }

    @classmethod
    def of_line(cls, case: Case, line: Mapping[str, Any]) -> Coverage:
        """Return what `as_dict` wrote."""
        return cls(case, line["replications"], line["covered"], line["seed"], line["seconds"])


def measure(case: Case, *, replications: int, seed: int, tick: Tick = lambda done, total: None) -> Coverage:
    """Replicate a case.

    Args:
        case: whose interval.
        replications: how often, at least once.
        seed: another seed gives independent replications.
        tick: is told about every hundredth replication.
    """
    started = time.perf_counter()
    replication = case.make()
    covered = 0
    for i in range(replications):
        covered += replication(derive_seed(seed, case.name, i))
        if i % 100 == 0:
            tick(i, replications)
    return Coverage(case, replications, covered, seed, time.perf_counter() - started)
