"""Quantiles of Student's t distribution."""

from __future__ import annotations

from functools import lru_cache

from scipy.special import stdtrit


@lru_cache(maxsize=1024)
def student_t_quantile(probability: float, degrees_of_freedom: float) -> float:
    """Return x with P(T ≤ x) = `probability`, from scipy.

    Args:
        probability: strictly between 0 and 1.
        degrees_of_freedom: ν ≥ 1; the normal quantile at infinity.

    Raises:
        ValueError: if an argument is out of range.
    """
    if not 0 < probability < 1 or not degrees_of_freedom >= 1:
        raise ValueError(f"probability {probability} and degrees of freedom {degrees_of_freedom}: out of range")
    return float(stdtrit(degrees_of_freedom, probability))
