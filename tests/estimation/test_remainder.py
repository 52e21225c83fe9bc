from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from villani_verify.estimation.remainder import Expansion, fit_remainders, mismatch


def _exponential(t: float, order: int = 6) -> Expansion:
    return Expansion(t, tuple(math.exp(t) / math.factorial(i) for i in range(order + 1)))


def _cubed(t: float) -> Expansion:
    s = math.copysign(1.0, t)
    return Expansion(t, (s * t**3, s * 3 * t**2, s * 3 * t, s, 0.0, 0.0, 0.0))


@settings(max_examples=50, deadline=None)
@given(coefficients=st.lists(st.floats(-3, 3), min_size=5, max_size=5), a=st.floats(-2, 2), h=st.floats(0.01, 2))
def test_polynomials_match_exactly(coefficients: list[float], a: float, h: float) -> None:
    def at(t: float) -> Expansion:
        shifted = [sum(math.comb(j, i) * coefficients[j] * t ** (j - i) for j in range(i, 5)) for i in range(5)]
        return Expansion(t, tuple(shifted))

    found = mismatch(at(a), at(a + h))
    # Each term rounds a few times, and is at most 3·C(4, 2)·4⁴ in size.
    assert max(found.size) < 1e-11
    assert all(d <= 20 * 2.3e-16 * s + 1e-11 for d, s in zip(found.size, found.scale, strict=True))


def test_mismatch_of_a_smooth_function_falls_like_taylors_theorem_says() -> None:
    k = 6
    for i in range(k + 1):
        # The longest steps for the highest power: h^7 must stay above rounding.
        long, short = (mismatch(_exponential(0.3), _exponential(0.3 + h)).size[i] for h in (0.4, 0.2))
        assert math.log2(long / short) == pytest.approx(k + 1 - i, abs=0.25)


def test_jump_stays() -> None:
    for h in (1e-1, 1e-5, 1e-9):
        found = mismatch(_cubed(-0.4 * h), _cubed(0.6 * h))
        assert found.size[3] == pytest.approx(2.0)  # g'''/3! goes from −1 to 1
        assert found.size[2] == pytest.approx(6 * 0.4 * h)  # the smaller of the two sides: 2·3·(0.4h)
        assert found.relative[3] == pytest.approx(1.0)
        assert found.size[4:] == (0.0, 0.0, 0.0)


def test_smaller_side_counts() -> None:
    """1/(1 − t) from 0.5 to 0.9: the series about 0.9 does not converge at 0.5, the other does."""

    def at(t: float) -> Expansion:
        return Expansion(t, tuple((1 - t) ** -(i + 1) for i in range(7)))

    found = mismatch(at(0.5), at(0.9))
    assert found.size[0] == pytest.approx((1 - 0.9) ** -1 - sum(0.4**i / 0.5 ** (i + 1) for i in range(7)))


def test_rounding_of_terms_and_of_the_position() -> None:
    found = mismatch(_exponential(0.0), _exponential(1e-3), magnitude=2.0, feature=0.5)
    floor = found.rounding(reach=10.0, eps=1e-16)
    # terms of g itself: about 2, the usual size G = 2, and a shift of 1e-15 times the slope 1
    assert floor[0] == pytest.approx(1e-16 * (1 + 1 + 2 + 10), rel=0.01)
    assert floor[1] == pytest.approx(1e-16 * (1 + 1 + 2 / 0.5 + 10), rel=0.01)


def test_feature_is_where_the_series_reaches_the_magnitude() -> None:
    assert Expansion(0.0, (1.0, 0.1, 4.0)).feature(1.0) == pytest.approx(0.5)
    assert Expansion(0.0, (1.0, 0.0, 0.0)).feature(1.0) == math.inf
    assert not Expansion(0.0, (1.0, math.nan)).finite


def test_remainder_slopes_of_a_smooth_function() -> None:
    fits = fit_remainders(_exponential(0.0, 4), math.exp, [0.3 * 10 ** (-s / 4) for s in range(24)], floor=1e-13, level=0.99)
    for fit in fits:
        assert fit.slope == pytest.approx(fit.order + 1, abs=0.1)
        assert fit.interval is not None
        assert fit.interval[0] < fit.slope < fit.interval[1]
        assert len(fit.steps) == len(fit.remainders) == 24


def test_what_lies_below_the_floor_is_not_fitted() -> None:
    # Rounding of 1e-10 in turn with either sign; from h = 0.3 down the remainder after order 2, h³/6, reaches it at h = 0.001.
    steps = [0.3 * 10 ** (-s / 4) for s in range(24)]
    signs = {h: (-1.0) ** k for k, h in enumerate(steps)}
    fits = fit_remainders(_exponential(0.0, 2), lambda t: math.exp(t) + 1e-10 * signs[t], steps, floor=1e-9, level=0.99)
    assert fits[2].slope == pytest.approx(3.0, abs=0.1)


def test_remainder_slopes_behind_a_kink() -> None:
    start = _cubed(-1e-12)
    fits = fit_remainders(start, lambda t: abs(t) ** 3, [10 ** (-s / 4) for s in range(16)], floor=1e-14, level=0.99)
    assert [f.slope for f in fits[3:]] == pytest.approx([3.0] * 4, abs=1e-3)


def test_too_few_points_give_no_slope() -> None:
    fits = fit_remainders(Expansion(0.0, (1.0, 1.0)), lambda t: 1 + t, [0.1, 0.01, 0.001, 0.0001], floor=1e-12, level=0.99)
    assert fits[1].slope is None
    assert fits[1].interval is None
    assert fits[0].slope == pytest.approx(1.0)


def test_steps_beyond_the_longest_are_left_out() -> None:
    steps = [1.0, 0.5, 0.1, 0.05, 0.025, 0.0125]
    fits = fit_remainders(Expansion(0.0, (0.0,)), lambda t: t if t < 0.2 else 7.0, steps, floor=0.0, level=0.9, longest=0.1)
    assert fits[0].slope == pytest.approx(1.0)
