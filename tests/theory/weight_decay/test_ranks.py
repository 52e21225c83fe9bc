from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from villani_verify.theory.weight_decay.ranks import mean_over_seeds, rank_correlation, regret


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=12))
def test_correlation_against_scipy(pairs) -> None:
    first, second = (list(map(float, x)) for x in zip(*pairs, strict=True))
    found = rank_correlation(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


def test_correlation_of_the_same_and_of_the_opposite_order() -> None:
    assert rank_correlation([1, 10, 100], [0.1, 0.2, 0.3]) == pytest.approx(1)
    assert rank_correlation([3, 2, 1], [0.1, 0.2, 0.3]) == pytest.approx(-1)


def test_mean_and_interval_are_students() -> None:
    values = [0.3, 0.5, 0.1, 0.9]
    found = mean_over_seeds(values)
    expected = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.value, found.seeds) == (pytest.approx(0.45), 4)
    assert found.interval == pytest.approx(expected)
    assert mean_over_seeds(values, low=0, high=0.6).interval == (0, 0.6)


def test_seeds_without_a_value_do_not_count() -> None:
    assert mean_over_seeds([None, 0.5]).value == 0.5
    assert mean_over_seeds([None, 0.5]).interval is None
    assert mean_over_seeds([None]).value is None
    assert mean_over_seeds([0.25, None, 0.75]).seeds == 2


def test_regret_is_the_loss_above_the_best() -> None:
    test = [2.0, 1.5, 1.8]
    assert regret([3, 1, 2], test) == 0
    assert regret([3, 2, 1], test) == pytest.approx(0.3)
    assert regret([1, 1, 1], test) == pytest.approx(0.5)  # the first of equals
    assert regret([-math.inf, 0, 0], test) == pytest.approx(0.5)
