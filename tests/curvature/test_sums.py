from __future__ import annotations

import math

import pytest

from villani_verify.curvature.sums import sum_or_nan


def test_finite_numbers_are_rounded_once() -> None:
    assert sum_or_nan([1e16, 1.0, -1e16]) == 1.0
    assert sum_or_nan([]) == 0.0


@pytest.mark.parametrize("numbers", [[math.inf, -math.inf], [1.0, math.inf], [math.nan]])
def test_anything_else_has_no_sum(numbers: list[float]) -> None:
    assert math.isnan(sum_or_nan(numbers))
