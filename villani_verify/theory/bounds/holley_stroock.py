"""The bound for bounded perturbations of a Gaussian (Holley and Stroock 1987)."""

from __future__ import annotations

from villani_verify.theory.bounds.bound import Bound, Condition, ConditionStatus, Inequality, exponential
from villani_verify.theory.gibbs import Gibbs

NAME = "holley-stroock"
_TEXT = "L is bounded: sup L − inf L is finite"
_SOURCE = "Holley and Stroock (1987)"


def holley_stroock(gibbs: Gibbs, oscillation: float | None, how: str, status: ConditionStatus) -> Bound:
    """Return C_LS ≤ exp((2/s)(sup L − inf L))/κ, with κ = 2λ/s of the Gaussian that is left without L.

    Args:
        gibbs: gives κ and s.
        oscillation: sup L − inf L; None where it is not known.
        how: where the oscillation comes from.
        status: what that says of the condition.
    """
    if oscillation is None:
        return Bound(NAME, Inequality.LOG_SOBOLEV, None, (Condition(_TEXT, ConditionStatus.NOT_CHECKED),), _SOURCE)
    factor = exponential(gibbs.scale * oscillation)
    value = None if factor is None or factor / gibbs.confinement == float("inf") else factor / gibbs.confinement
    found = f"sup L − inf L = {oscillation:.6g} {how}" + ("; the bound exceeds 1e308" if value is None else "")
    return Bound(NAME, Inequality.LOG_SOBOLEV, value, (Condition(_TEXT, status, found),), _SOURCE)
