from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from villani_verify.estimation.mean_interval import interval_of_mean, mean_interval, skewness

numbers = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=3, max_size=40).filter(lambda x: max(x) - min(x) > 1e-3)
tails = st.sampled_from((0.25, 0.05, 0.025, 0.001))


def hall(x: Sequence[float], tail: float) -> tuple[float, float]:
    """Hall's interval by solving for μ: √n g(W) is the quantile at the lower end and its negative at the upper."""
    n, mean, deviation, skew = len(x), np.mean(x), np.std(x, ddof=1), float(stats.skew(x))
    quantile = stats.t.ppf(1 - tail, n - 1)

    def g(w: float) -> float:
        return w + skew * w**2 / 3 + skew**2 * w**3 / 27 + skew / (6 * n)

    def at(target: float) -> float:
        return mean - deviation * float(optimize.brentq(lambda w: g(w) - target, -1e4, 1e4, xtol=1e-13))

    return at(quantile / math.sqrt(n)), at(-quantile / math.sqrt(n))


@pytest.mark.parametrize("tail", [0.1, 0.025, 0.0005])
@pytest.mark.parametrize("shape", [0.5, 1.0, 4.0, 100.0])
@pytest.mark.parametrize("n", [5, 16, 64])
def test_it_is_the_smallest_that_holds_student_s_and_hall_s(n: int, shape: float, tail: float) -> None:
    x = np.random.default_rng(n).gamma(shape, size=n)
    student = stats.t.interval(1 - 2 * tail, n - 1, loc=np.mean(x), scale=stats.sem(x))
    other = hall(x.tolist(), tail)
    expected = min(student[0], other[0]), max(student[1], other[1])
    assert interval_of_mean(x.tolist(), tail) == pytest.approx(expected, rel=1e-7)


def test_skewed_to_the_right_it_reaches_further_up() -> None:
    x = np.random.default_rng(0).gamma(1.0, size=10)
    low, high = interval_of_mean(x.tolist(), 0.025)
    student = stats.t.interval(0.95, 9, loc=np.mean(x), scale=stats.sem(x))
    assert low == pytest.approx(student[0], rel=1e-9)
    assert high > student[1] + 0.2 * stats.sem(x)


@given(numbers)
def test_skewness_is_scipy_s(x: list[float]) -> None:
    assert skewness(x) == pytest.approx(float(stats.skew(x)), rel=1e-6, abs=1e-6)


@given(numbers, tails)
def test_mirrored_samples_have_the_mirrored_interval(x: list[float], tail: float) -> None:
    low, high = interval_of_mean(x, tail)
    mirrored = interval_of_mean([-v for v in x], tail)
    assert mirrored == pytest.approx((-high, -low), rel=1e-9, abs=1e-9 * (high - low))


@given(numbers, tails, st.floats(1e-3, 1e3))
def test_it_scales(x: list[float], tail: float, factor: float) -> None:
    low, high = interval_of_mean(x, tail)
    scaled = interval_of_mean([factor * v for v in x], tail)
    assert scaled == pytest.approx((factor * low, factor * high), rel=1e-6, abs=1e-6 * factor * (high - low))


@given(st.floats(-3, 3), st.integers(2, 1000), st.floats(1e-6, 0.49), st.floats(1.01, 10))
def test_a_smaller_tail_gives_a_wider_interval(skew: float, n: int, tail: float, smaller: float) -> None:
    low, high = mean_interval(0.0, 1.0, skew, n, tail)
    wide_low, wide_high = mean_interval(0.0, 1.0, skew, n, tail / smaller)
    assert wide_low < low <= 0 <= high < wide_high


@pytest.mark.parametrize("skew", [1e-300, 1e-12, 1e-7, 1e-5, 1e-3])
def test_hardly_any_skewness_hardly_matters(skew: float) -> None:
    plain = mean_interval(0.0, 1.0, 0.0, 16, 0.025)
    assert mean_interval(0.0, 1.0, skew, 16, 0.025) == pytest.approx(plain, rel=3 * skew + 1e-12)


def test_where_the_series_takes_over_nothing_jumps() -> None:
    ends = [mean_interval(0.0, 1.0, skew, 10, 0.025)[1] for skew in (1.0e-5, 1.3e-5, 1.4e-5, 1.42e-5, 1.45e-5, 1.5e-5, 2e-5)]
    slopes = np.diff(ends) / np.diff((1.0e-5, 1.3e-5, 1.4e-5, 1.42e-5, 1.45e-5, 1.5e-5, 2e-5))
    assert slopes == pytest.approx([slopes[0]] * len(slopes), rel=1e-3)


def test_equal_samples_have_no_skewness() -> None:
    assert skewness([3.0, 3.0, 3.0]) == 0
    assert interval_of_mean([3.0, 3.0, 3.0], 0.025) == (3.0, 3.0)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_cubes_of_the_deviations_need_not_be_representable(scale: float) -> None:
    assert skewness([0.0, 0.0, scale]) == pytest.approx(skewness([0.0, 0.0, 1.0]), rel=1e-12)


def test_coverage_for_chi_squared() -> None:
    # χ² with one degree of freedom, ten samples: measured to be 94.4 %, where Student's alone covers 86 %. With N = 4,000 the
    # fraction has standard deviation 0.36 %: it leaves 92.6 … 97 % (5 deviations) with probability 6e-7.
    draws = np.random.default_rng(3).standard_normal((4000, 10)) ** 2
    covered = sum(low <= 1 <= high for low, high in (interval_of_mean(x, 0.025) for x in draws.tolist()))
    assert 0.926 <= covered / len(draws) <= 0.97, covered


@pytest.mark.parametrize(("n", "tail"), [(1, 0.025), (5, 0.0), (5, 1.0)])
def test_out_of_range(n: int, tail: float) -> None:
    with pytest.raises(ValueError, match="out of range"):
        mean_interval(0.0, 1.0, 0.5, n, tail)
