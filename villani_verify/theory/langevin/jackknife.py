"""Intervals from independent chains: the delete-one jackknife with Student's t (Tukey 1958; Miller 1974)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from villani_verify.estimation.estimate import Interval
from villani_verify.estimation.student_t import student_t_quantile
from villani_verify.theory.langevin.observables import Array

FEWEST_CHAINS = 10
"""Student-t intervals of fewer independent values cover less than they say."""


@dataclass(frozen=True)
class Measured:
    """A number with its two-sided interval.

    Attributes:
        value: the estimate.
        interval: covers the true value with probability `level`, by chance over the noise of the chains.
        level: confidence.
    """

    value: float
    interval: Interval
    level: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"value": self.value, "interval": list(self.interval), "level": self.level}

    def mapped(self, function: Callable[[float], float]) -> Measured:
        """Return a monotone function of the number; the ends of the interval are mapped, and swapped where it falls."""
        low, high = sorted(function(end) for end in self.interval)
        return Measured(function(self.value), (low, high), self.level)

    def contains(self, number: float) -> bool:
        """Say whether a number lies in the interval."""
        return self.interval[0] <= number <= self.interval[1]


def mean_of_chains(values: Array, level: float = 0.95) -> Measured:
    """Return the mean of one (pseudo-)value a chain, m ± t_{(1+level)/2, M−1} · sd/√M.

    Args:
        values: shape (M,), M ≥ 2.
        level: confidence.

    Raises:
        ValueError: if there are fewer than two.
    """
    count = len(values)
    if count < 2:
        raise ValueError(f"{count} chain(s): an interval needs at least two")
    mean = float(np.mean(values))
    half = student_t_quantile((1 + level) / 2, count - 1) * float(np.std(values, ddof=1)) / math.sqrt(count)
    return Measured(mean, (mean - half, mean + half), level)


def jackknife(statistic: Callable[[Array], float], chains: int, level: float = 0.95) -> Measured | None:
    """Return the bias-corrected value of a statistic of M independent chains, with its interval.

    With T of all chains and T₍ₘ₎ without chain m, the pseudo-values M·T − (M − 1)·T₍ₘ₎ are treated as independent.

    Args:
        statistic: a function of the weights of the chains, shape (M,), that add up to one; NaN where it has no value.
        chains: M, at least 2.
        level: confidence.

    Returns:
        None where the statistic has no value on all chains, or on all but one.
    """
    whole = statistic(np.full(chains, 1 / chains))
    without = np.empty(chains)
    for m in range(chains):
        weights = np.full(chains, 1 / (chains - 1))
        weights[m] = 0
        without[m] = statistic(weights)
    if not (math.isfinite(whole) and np.isfinite(without).all()):
        return None
    return mean_of_chains(chains * whole - (chains - 1) * without, level)
