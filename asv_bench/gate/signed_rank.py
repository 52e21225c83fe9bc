"""Wilcoxon's signed-rank test of "the ratio is at most 1 + tolerance", exact, and stopped early where it cannot alarm any more.

Wilcoxon (1945): rank the |xᵢ|, xᵢ = dᵢ − log(1 + tolerance) with dᵢ the log ratio of round i, and add the ranks of the negative
ones, T. If each xᵢ is symmetric about 0, signs are fair coins whatever the |xᵢ|, so P(T ≤ t) is known exactly, for heavy tails and
rounds of different spread too. Two equal commits have this symmetry by design, as a coin decides which of them begins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np


@lru_cache
def rank_sum_cdf(rounds: int) -> np.ndarray:
    """Return P(T ≤ t) for t = 0, 1, …, n(n + 1)/2 with n rounds and fair signs."""
    counts = np.ones(1)
    for rank in range(1, rounds + 1):
        # Rank r is in the sum or not: times 1 + x^r.
        counts = np.convolve(counts, np.bincount([0, rank]))
    return np.cumsum(counts) / 2.0**rounds


def p_value(log_ratios: Sequence[float], tolerance: float, rounds: int) -> float:
    """Return the least p-value that is possible after `rounds` rounds, of which these are the first; after all, the p-value.

    It is reached if all that are missing are positive and have the largest ranks. Stopping where it is too large for an
    alarm changes no outcome, so that it costs neither false alarms nor power.

    Args:
        log_ratios: of the rounds so far.
        tolerance: the hypothesis is that the ratio is at most 1 + this.
        rounds: how many there will be.
    """
    # Where two are equally far from 0 the negative one gets the larger rank: against an alarm.
    excess = sorted((d - math.log1p(tolerance) for d in log_ratios), key=lambda x: (abs(x), x <= 0))
    negative = sum(rank for rank, x in enumerate(excess, start=1) if x <= 0)
    return float(rank_sum_cdf(rounds)[negative])


def ratio(log_ratios: Sequence[float]) -> float:
    """Return the estimate that belongs to the test: exp of the median of the means of pairs (Hodges and Lehmann 1963)."""
    return math.exp(float(np.median(_pair_means(log_ratios))))


def interval(log_ratios: Sequence[float], alpha: float) -> tuple[float, float]:
    """Return the ratios that neither one-sided test at level `alpha` refutes: infinitely wide if there are too few rounds."""
    means = _pair_means(log_ratios)
    excluded = int(np.searchsorted(rank_sum_cdf(len(log_ratios)), alpha, side="right"))
    if not excluded:
        return 0.0, math.inf
    return math.exp(means[excluded - 1]), math.exp(means[-excluded])


def _pair_means(log_ratios: Sequence[float]) -> np.ndarray:
    d = np.asarray(log_ratios)
    i, j = np.triu_indices(len(d))
    return np.sort((d[i] + d[j]) / 2)
