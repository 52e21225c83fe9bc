"""Sums of Python floats that neither round nor raise."""

from __future__ import annotations

import math
from collections.abc import Sequence


def sum_or_nan(numbers: Sequence[float]) -> float:
    """Return the sum, rounded once, or NaN if a number is not finite: infinities of both signs have no sum."""
    return math.fsum(numbers) if all(map(math.isfinite, numbers)) else math.nan
