"""Does a quantity order weight decays as the test loss does, and what does it cost to choose by it?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from villani_verify.estimation.estimate import Interval
from villani_verify.theory.langevin.jackknife import mean_of_chains


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes:
        value: the mean; None where no seed has one.
        interval: Student-t at 95 %; None with fewer than two seeds.
        seeds: how many counted.
    """

    value: float | None
    interval: Interval | None
    seeds: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"value": self.value, "interval": None if self.interval is None else list(self.interval), "seeds": self.seeds}


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, with mean ranks for ties; None if either does not vary (Spearman 1904).

    Args:
        first: at least two finite numbers.
        second: as many.
    """
    a, b = rankdata(first), rankdata(second)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else None


def mean_over_seeds(values: Sequence[float | None], *, low: float = -math.inf, high: float = math.inf) -> Mean:
    """Return the mean of one number a seed, with a Student-t interval cut to [low, high]; seeds without one do not count."""
    found = [v for v in values if v is not None]
    if not found:
        return Mean(None, None, 0)
    if len(found) < 2:
        return Mean(found[0], None, len(found))
    measured = mean_of_chains(np.array(found))
    return Mean(measured.value, (max(low, measured.interval[0]), min(high, measured.interval[1])), len(found))


def regret(quantity: Sequence[float], test: Sequence[float]) -> float:
    """Return what choosing the least of a quantity costs: its test loss above the best one of the grid, in nats.

    Of several equal least values the first counts, as the grid is searched from small λ on.

    Args:
        quantity: one number for each λ; smaller is better.
        test: test losses.
    """
    return test[int(np.argmin(quantity))] - min(test)
