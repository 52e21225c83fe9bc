from __future__ import annotations

import pytest
from scipy.stats import binomtest

from villani_verify.estimation.proportion import clopper_pearson, upper_bound


@pytest.mark.parametrize(("count", "total"), [(0, 20), (20, 20), (1, 1), (0, 1), (7, 30), (25, 30), (9503, 10_000), (3, 2000)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
def test_against_scipy(count: int, total: int, level: float) -> None:
    expected = binomtest(count, total).proportion_ci(level, method="exact")
    assert clopper_pearson(count, total, level) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-12)


def test_the_bound_at_zero_is_the_rule_of_three() -> None:
    assert upper_bound(0, 2000) == pytest.approx(1 - 0.05 ** (1 / 2000), rel=1e-10)
    assert upper_bound(0, 2000) == pytest.approx(3 / 2000, rel=5e-3)


def test_the_bound_is_one_sided() -> None:
    expected = binomtest(4, 300, alternative="less").proportion_ci(0.95, method="exact").high
    assert upper_bound(4, 300) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("count", "total"), [(-1, 3), (4, 3), (0, 0)])
def test_counts_that_are_none(count: int, total: int) -> None:
    with pytest.raises(ValueError, match="must lie between"):
        clopper_pearson(count, total)
