from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from villani_verify.theory.langevin.jackknife import Measured, jackknife, mean_of_chains


def test_the_jackknife_of_a_mean_is_students_interval() -> None:
    values = np.random.default_rng(0).standard_normal(12)
    found = jackknife(lambda w: float(w @ values), 12, 0.9)
    assert found is not None
    expected = stats.t.interval(0.9, 11, values.mean(), stats.sem(values))
    assert found.value == pytest.approx(values.mean())
    np.testing.assert_allclose(found.interval, expected)
    np.testing.assert_allclose(mean_of_chains(values, 0.9).interval, expected)


def test_against_a_naive_loop_for_a_ratio() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.random(8), generator.random(8) + 1
    pseudo = [8 * x.sum() / y.sum() - 7 * np.delete(x, m).sum() / np.delete(y, m).sum() for m in range(8)]
    found = jackknife(lambda w: float(w @ x) / float(w @ y), 8)
    assert found is not None
    assert found.value == pytest.approx(np.mean(pseudo))
    np.testing.assert_allclose(found.interval, stats.t.interval(0.95, 7, np.mean(pseudo), stats.sem(pseudo)))


def test_a_bias_of_order_one_over_m_is_removed() -> None:
    # (mean)² has the bias variance/M, and the jackknife of it is the unbiased estimate.
    x = np.random.default_rng(2).standard_normal(6)
    found = jackknife(lambda w: float(w @ x) ** 2, 6)
    assert found is not None
    assert found.value == pytest.approx(x.mean() ** 2 - x.var(ddof=1) / 6)


def test_a_statistic_without_a_value_has_no_interval() -> None:
    assert jackknife(lambda w: math.nan, 5) is None
    assert jackknife(lambda w: math.nan if w[2] == 0 else 1.0, 5) is None


def test_one_chain_has_no_interval() -> None:
    with pytest.raises(ValueError, match=r"^1 chain\(s\): an interval needs at least two$"):
        mean_of_chains(np.ones(1))


def test_coverage_of_a_ratio(check_coverage: Callable[[int, int], None]) -> None:
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(500):
        x, y = generator.standard_normal(12) + 2, generator.standard_normal(12) + 10
        found = jackknife(lambda w, x=x, y=y: float(w @ x) / float(w @ y), 12)
        hits += found is not None and found.contains(0.2)
    check_coverage(hits, 500)


def test_mapping_keeps_the_ends_in_order() -> None:
    measured = Measured(2.0, (1.0, 4.0), 0.95)
    assert measured.mapped(lambda x: 1 / x) == Measured(0.5, (0.25, 1.0), 0.95)
    assert measured.as_dict() == {"value": 2.0, "interval": [1.0, 4.0], "level": 0.95}
    assert measured.contains(4.0)
    assert not measured.contains(4.1)
