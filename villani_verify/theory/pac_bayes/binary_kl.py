"""The divergence kl(q‖p) of two coins, and its inverses in p: what turns a budget of nats into an interval of a mean in [0, 1].

    kl(q‖p) = q ln(q/p) + (1 − q) ln((1 − q)/(1 − p)),    0 ln 0 = 0.

The mean q of m independent values in [0, 1] with mean p has P(q ≤ p and kl(q‖p) ≥ c) ≤ exp(−mc), and the same above p
(Hoeffding 1963, the inequality before the one that has his name). So kl(q‖p) ≤ ln(2/δ)/m with probability 1 − δ.
"""

from __future__ import annotations

import math

from scipy.optimize import brentq

from villani_verify.estimation.estimate import Interval


def binary_kl(q: float, p: float) -> float:
    """Return kl(q‖p) in nats; ∞ where p is 0 or 1 and q is not p.

    Raises:
        ValueError: if an argument is outside [0, 1].
    """
    _check_probability(q)
    _check_probability(p)
    heads = 0.0 if q == 0 else math.inf if p == 0 else q * (math.log(q) - math.log(p))
    tails = 0.0 if q == 1 else math.inf if p == 1 else (1 - q) * (math.log1p(-q) - math.log1p(-p))
    return max(0.0, heads + tails)


def kl_inverse_upper(q: float, nats: float) -> float:
    """Return sup {p : kl(q‖p) ≤ c}, at least q and at most 1.

    Solved for u = ln(1 − p), in which the divergence −h(q) − q ln(1 − eᵘ) − (1 − q)u falls from +∞ to 0 at u = ln(1 − q), so that
    nothing is lost where p is within rounding of 1. The exact ends: 1 − e^(−c) at q = 0, q at c = 0, and 1 at q = 1 or c = ∞.

    Args:
        q: in [0, 1].
        nats: c ≥ 0.

    Raises:
        ValueError: if an argument is out of range.
    """
    _check_probability(q)
    if not nats >= 0:
        raise ValueError(f"budget of {nats} nats: it is negative")
    if nats == 0 or q == 1:
        return q
    if math.isinf(nats):
        return 1.0
    if q == 0:
        return -math.expm1(-nats)
    entropy = -q * math.log(q) - (1 - q) * math.log1p(-q)

    def excess(u: float) -> float:
        return -entropy - q * math.log(-math.expm1(u)) - (1 - q) * u - nats

    # As −q ln p ≥ 0, the excess is not negative at the lower end; at the upper end it is −c.
    low, high = -(nats + entropy) / (1 - q), math.log1p(-q)
    if excess(high) >= 0:  # a budget below rounding
        return q
    if excess(low) <= 0:  # −q ln p is below rounding there, so the root is this end
        return -math.expm1(low)
    # An absolute tolerance would lose all digits of a small p.
    return max(q, -math.expm1(brentq(excess, low, high, xtol=1e-300, rtol=1e-15, maxiter=1000)))


def kl_inverse_lower(q: float, nats: float) -> float:
    """Return inf {p : kl(q‖p) ≤ c}, by the symmetry kl(q‖p) = kl(1 − q‖1 − p); arguments as of `kl_inverse_upper`."""
    return min(q, 1 - kl_inverse_upper(1 - q, nats))


def mean_interval(mean: float, count: int, delta: float) -> Interval:
    """Return the interval of the expectation of independent values in [0, 1] from their mean, at the level 1 − δ for every count.

    {p : kl(q‖p) ≤ ln(2/δ)/m}: Chernoff's bound at both ends (Hoeffding 1963; Langford and Caruana 2002, Theorem 2.5). It covers
    for every distribution on [0, 1], and so is wider than an interval that is told the distribution.

    Args:
        mean: q, in [0, 1].
        count: m, number of values.
        delta: probability of a miss, in (0, 1).

    Raises:
        ValueError: if an argument is out of range.
    """
    if count < 1 or not 0 < delta < 1:
        raise ValueError(f"{count} values and δ = {delta}: out of range")
    nats = math.log(2 / delta) / count
    return kl_inverse_lower(mean, nats), kl_inverse_upper(mean, nats)


def _check_probability(x: float) -> None:
    if not 0 <= x <= 1:
        raise ValueError(f"{x}: it is not in [0, 1]")
