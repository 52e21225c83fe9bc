from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from gate.signed_rank import interval, p_value, rank_sum_cdf, ratio
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

# Eighths: sums and halves of them are exact, and they tie.
EIGHTHS = st.integers(-40, 40).map(lambda i: i / 8)
SAMPLES = st.lists(EIGHTHS, min_size=1, max_size=10)


@pytest.mark.parametrize("rounds", [1, 2, 5, 12, 20])
def test_p_values_are_those_of_scipy(rounds: int) -> None:
    draw = np.random.default_rng(rounds)
    for shift in (-0.3, 0.0, 0.3, 2.0):
        log_ratios = draw.normal(shift, 1.0, rounds)
        expected = wilcoxon(log_ratios - math.log(1.05), alternative="greater", method="exact").pvalue
        assert p_value(list(log_ratios), 0.05, rounds) == pytest.approx(expected, rel=1e-12)


@given(st.lists(EIGHTHS, min_size=1, max_size=8), st.integers(1, 99))
def test_a_p_value_is_below_a_level_no_more_often_than_that_whatever_the_magnitudes(sizes: list[float], percent: int) -> None:
    signs = list(itertools.product((-1, 1), repeat=len(sizes)))
    alarms = sum(p_value([s * x for s, x in zip(row, sizes, strict=True)], 0.0, len(sizes)) <= percent / 100 for row in signs)
    assert alarms <= percent / 100 * len(signs)


@given(SAMPLES, SAMPLES)
def test_no_further_round_lowers_the_p_value_that_was_the_least_possible(first: list[float], later: list[float]) -> None:
    rounds = len(first) + len(later)
    assert p_value(first, 0.0, rounds) <= p_value(first + later, 0.0, rounds)


@given(SAMPLES, st.integers(0, 10))
def test_large_ratios_in_all_further_rounds_reach_the_least_p_value(first: list[float], further: int) -> None:
    rounds = len(first) + further
    assert p_value(first + [100.0 + i for i in range(further)], 0.0, rounds) == p_value(first, 0.0, rounds)


@pytest.mark.parametrize("tolerance", [0.0, 0.05, 1.0])
def test_only_ratios_above_one_plus_the_tolerance_speak_for_an_alarm(tolerance: float) -> None:
    assert p_value([math.log((1 + tolerance) * 1.0001)], tolerance, 1) == 0.5
    assert p_value([math.log((1 + tolerance) / 1.0001)], tolerance, 1) == 1.0


def test_ties_and_zeros_count_against_an_alarm() -> None:
    assert p_value([0.0], 0.0, 1) == 1.0
    # The negative one of a pair of equals has rank 2: T = 2 of 3, three of four sign patterns are no larger.
    assert p_value([1.0, -1.0], 0.0, 2) == 0.75
    assert p_value([-1.0, 1.0], 0.0, 2) == 0.75


@given(SAMPLES, st.integers(1, 49))
def test_the_interval_ends_above_a_ratio_exactly_where_the_test_refutes_it(log_ratios: list[float], percent: int) -> None:
    low, high = interval(log_ratios, percent / 100)
    assert (low > 1) == (p_value(log_ratios, 0.0, len(log_ratios)) <= percent / 100)
    mirrored = interval([-x for x in log_ratios], percent / 100)
    assert mirrored == (pytest.approx(1 / high), pytest.approx(1 / low) if low else math.inf)


def test_the_interval_at_a_known_level() -> None:
    # 6 rounds, level 2 %: P(T ≤ 0) = 1/64 ≤ 0.02 < 2/64, so only the extreme means are excluded.
    log_ratios = [math.log(x) for x in (1.1, 1.2, 1.3, 1.4, 1.5, 1.6)]
    assert interval(log_ratios, 0.02) == (pytest.approx(1.1), pytest.approx(1.6))
    assert interval(log_ratios, 1 / 64) == interval(log_ratios, 0.02)
    assert interval(log_ratios, 0.015) == (0.0, math.inf)


def test_the_ratio_is_the_median_of_pair_means() -> None:
    # Means of pairs with repetition of 0, 2, 10: 0, 1, 2, 5, 6, 10.
    assert ratio([0.0, 2.0, 10.0]) == pytest.approx(math.exp(3.5))


@pytest.mark.parametrize("rounds", [1, 3, 12])
def test_the_distribution_counts_subsets_of_ranks(rounds: int) -> None:
    sums = [sum(rank for rank, chosen in enumerate(row, 1) if chosen) for row in itertools.product((0, 1), repeat=rounds)]
    expected = [sum(s <= t for s in sums) / 2**rounds for t in range(rounds * (rounds + 1) // 2 + 1)]
    assert rank_sum_cdf(rounds).tolist() == expected
