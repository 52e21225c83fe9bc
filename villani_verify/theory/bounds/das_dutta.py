"""The bound of Das and Dutta (2026), as it is stated: from the weight decay and the dimension alone."""

from __future__ import annotations

import math

from villani_verify.errors import RequestError
from villani_verify.theory.bounds.bound import Bound, Condition, ConditionStatus, Inequality
from villani_verify.theory.gibbs import Gibbs

NAME = "das-dutta"


def das_dutta(gibbs: Gibbs) -> Bound:
    """Return C_LS ≤ 1/κ + d/κ² with κ = 2λ/s, which is their 1/λ + d/λ² for the density exp(−F), that is at s = 2.

    For L = 0 the constant is 1/κ, so that the second term is what they allow for L. No term knows L: wells of any depth have the
    same bound, and those that are deep enough exceed it.

    Args:
        gibbs: its dimension and weight decay are all that is used.

    Raises:
        RequestError: if the value is too large for a float.
    """
    kappa = gibbs.confinement
    try:
        value = 1 / kappa + gibbs.dimension / kappa**2
    except (OverflowError, ZeroDivisionError):
        value = math.inf
    if not math.isfinite(value):
        raise RequestError(
            f"dimension {gibbs.dimension:,} and weight decay {gibbs.weight_decay:g}: 1/λ + d/λ² exceeds the range of float64; "
            "give a larger weight decay or fewer parameters"
        )
    condition = Condition(
        "L is a smooth, non-negative transformer loss whose F satisfies Villani's criteria", ConditionStatus.NOT_CHECKED
    )
    return Bound(NAME, Inequality.LOG_SOBOLEV, value, (condition,), "Das and Dutta (2026)")
