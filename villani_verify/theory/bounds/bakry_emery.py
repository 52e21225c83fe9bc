"""The bound for convex potentials: ∇²U ⪰ κ > 0 gives C_LS ≤ 1/κ (Bakry and Émery 1985)."""

from __future__ import annotations

from villani_verify.theory.bounds.bound import Bound, Condition, ConditionStatus, Inequality
from villani_verify.theory.gibbs import Gibbs

NAME = "bakry-emery"
_TEXT = "∇²F ⪰ κ s/2 for some κ > 0"
_SOURCE = "Bakry and Émery (1985)"


def bakry_emery(gibbs: Gibbs, smallest_eigenvalue: float | None, where: str) -> Bound:
    """Return C_LS ≤ s/(2m), with m the least eigenvalue of ∇²F that was found.

    A negative eigenvalue refutes the condition. Positive ones at finitely many points do not prove it: the true m may be smaller,
    and the bound then larger.

    Args:
        gibbs: its temperature is used.
        smallest_eigenvalue: m over the points that were looked at; None if none were.
        where: which points these were.
    """
    if smallest_eigenvalue is None:
        return Bound(NAME, Inequality.LOG_SOBOLEV, None, (Condition(_TEXT, ConditionStatus.NOT_CHECKED),), _SOURCE)
    found = f"the least eigenvalue of ∇²F is {smallest_eigenvalue:.6g} {where}"
    if smallest_eigenvalue <= 0:
        return Bound(NAME, Inequality.LOG_SOBOLEV, None, (Condition(_TEXT, ConditionStatus.FAILS, found),), _SOURCE)
    value = gibbs.temperature / (2 * smallest_eigenvalue)
    return Bound(NAME, Inequality.LOG_SOBOLEV, value, (Condition(_TEXT, ConditionStatus.NO_FAILURE_FOUND, found),), _SOURCE)
