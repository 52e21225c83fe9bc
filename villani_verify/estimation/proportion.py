"""Intervals of a probability from a count: exact, so that they hold for rare events too (Clopper and Pearson 1934)."""

from __future__ import annotations

from scipy.special import betaincinv

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

    P(X ≤ k) = 1 − I_p(k + 1, n − k), with the regularised incomplete beta function I, from scipy.

    Raises:
        ValueError: if the count is not between 0 and the total.
    """
    if not 0 <= count <= total or total < 1:
        raise ValueError(f"{count} of {total}: the count must lie between 0 and the total, which is at least 1")
    return 1.0 if count == total else float(betaincinv(count + 1, total - count, level))
