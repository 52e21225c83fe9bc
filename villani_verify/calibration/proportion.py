"""Intervals of a probability from a count: exact, so that they hold for rare events too (Clopper and Pearson 1934)."""

from __future__ import annotations

import math

from villani_verify.estimation.estimate import Interval


def clopper_pearson(count: int, total: int, level: float = 0.95) -> Interval:
    """Return the exact two-sided interval of a binomial probability.

    Its ends are the p at which `count` or more, and `count` or fewer, of `total` have probability (1 − level)/2.

    Args:
        count: how often it happened.
        total: out of so many independent trials, at least one.
        level: confidence.

    Raises:
        ValueError: if the count is not between 0 and the total.
    """
    return 1 - upper_bound(total - count, total, (1 + level) / 2), upper_bound(count, total, (1 + level) / 2)


def upper_bound(count: int, total: int, level: float = 0.95) -> float:
    """Return the exact one-sided upper bound of a binomial probability; 1 − (1 − level)^(1/n) ≈ 3/n at a count of zero.

    Raises:
        ValueError: if the count is not between 0 and the total.
    """
    if not 0 <= count <= total or total < 1:
        raise ValueError(f"{count} of {total}: the count must lie between 0 and the total, which is at least 1")
    if count == total:
        return 1.0
    low, high = count / total, 1.0
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return high
        low, high = (middle, high) if _at_most(count, total, middle) > 1 - level else (low, middle)


def _at_most(count: int, total: int, p: float) -> float:
    """Return P(X ≤ count) for X binomial and 0 < p < 1, as the shorter of two sums."""
    if 2 * count >= total:
        return 1 - _at_most(total - count - 1, total, 1 - p)
    logs = (
        math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) + k * math.log(p) + (total - k) * math.log1p(-p)
        for k in range(count + 1)
    )
    return math.fsum(math.exp(x) for x in logs)
