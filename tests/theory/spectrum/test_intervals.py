from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, chi2

from villani_verify.theory.spectrum.intervals import fraction_interval, signed_interval, simultaneous_alpha


@given(st.integers(2, 10**6), st.integers(1, 50), st.floats(1e-6, 1 - 1e-6), st.floats(1e-6, 0.5))
def test_ends_are_where_the_tail_probabilities_are_met(dimension: int, count: int, b: float, alpha: float) -> None:
    (low,), (high,) = fraction_interval(np.array([b]), np.array([b]), dimension, count, alpha)
    half = dimension * count / 2
    assert 0 <= low <= high <= 1
    for end, tail in ((low, beta.sf), (high, beta.cdf)):
        if min(end, 1 - end) * half > 1e-3:
            assert tail(b, end * half, (1 - end) * half) == pytest.approx(alpha / 2, rel=1e-4)


def test_none_and_all_are_certain() -> None:
    low, high = fraction_interval(np.array([0.0, 1.0]), np.array([0.0, 1 - 1e-15]), 100, 3, 0.05)
    assert low.tolist() == [0, 1]
    assert high.tolist() == [0, 1]


def test_bounds_of_b_widen_the_interval() -> None:
    exact = fraction_interval(np.array([0.3]), np.array([0.3]), 100, 3, 0.05)
    wide = fraction_interval(np.array([0.25]), np.array([0.4]), 100, 3, 0.05)
    assert wide[0] < exact[0] < exact[1] < wide[1]


@pytest.mark.parametrize(("rank", "dimension", "count"), [(1, 40, 2), (1, 40, 10), (20, 40, 3), (39, 40, 2), (5, 10_000, 1)])
def test_coverage_of_a_rank_is_exact(rank: int, dimension: int, count: int, fewest_hits) -> None:
    rng = np.random.default_rng(rank)
    inside = chi2.rvs(rank * count, size=4000, random_state=rng)
    b = inside / (inside + chi2.rvs((dimension - rank) * count, size=4000, random_state=rng))
    low, high = fraction_interval(b, b, dimension, count, 0.05)
    hits = int(((low <= rank / dimension) & (rank / dimension <= high)).sum())
    assert hits >= fewest_hits(4000, 0.95)
    # Exact, so it does not cover more often either.
    assert 4000 - hits >= fewest_hits(4000, 0.05)


def test_all_ranks_hold_at_once(fewest_hits) -> None:
    dimension, count = 12, 4
    rng = np.random.default_rng(0)
    mass = chi2.rvs(count, size=(1000, dimension), random_state=rng)
    b = np.cumsum(mass, 1) / mass.sum(1, keepdims=True)
    low, high = fraction_interval(b, b, dimension, count, simultaneous_alpha(0.1, dimension))
    truth = np.arange(1, dimension + 1) / dimension
    each = fraction_interval(b, b, dimension, count, 0.1)
    assert ((low <= truth) & (truth <= high)).all(1).sum() >= fewest_hits(1000, 0.9)
    assert ((each[0] <= truth) & (truth <= each[1])).all(1).sum() < 850


TRACES = {
    "one counts": np.append(np.zeros(59), 10.0),
    "one counts beside a constant": np.append(np.full(59, 5.0), 30.0),
    "many count": np.random.default_rng(0).normal(size=60),
    "both signs, far": np.concatenate([0.05 * np.random.default_rng(1).normal(size=57), [20.0, 21.0, -15.0]]),
    "squares": np.random.default_rng(2).normal(size=60) ** 2,
}


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("count", [2, 10])
def test_coverage_of_traces(name: str, count: int, fewest_hits) -> None:
    f = TRACES[name]
    masses = chi2.rvs(count, size=(2000, len(f)), random_state=np.random.default_rng(3))
    weights = masses / masses.sum(1, keepdims=True)
    value, low, high = signed_interval(np.broadcast_to(f, weights.shape), weights, len(f), count, 0.05)
    assert ((low <= value) & (value <= high)).all()
    hits = int(((low <= f.mean()) & (f.mean() <= high)).sum())
    # An approximation: two per cent are allowed for it.
    assert hits >= fewest_hits(2000, 0.93)


def test_student_t_does_not_cover_where_one_eigenvalue_counts() -> None:
    f = TRACES["one counts beside a constant"]
    samples = np.random.default_rng(4).normal(size=(2000, 10, len(f))) ** 2
    forms = samples @ f / samples.sum(-1)
    half = 2.262 * forms.std(1, ddof=1) / np.sqrt(10)
    assert (abs(forms.mean(1) - f.mean()) <= half).mean() < 0.9


def test_a_constant_is_known_exactly_and_is_added_exactly() -> None:
    weights = np.random.default_rng(5).dirichlet(np.ones(60))
    value, low, high = signed_interval(np.full(60, 7.0), weights, 60, 3, 0.05)
    assert (low, value, high) == pytest.approx((7.0, 7.0, 7.0), abs=1e-12)
    f = TRACES["many count"]
    here, there = signed_interval(f, weights, 60, 3, 0.05), signed_interval(f + 100, weights, 60, 3, 0.05)
    np.testing.assert_allclose(np.array(there) - 100, here, atol=1e-10)


def test_a_change_of_sign_mirrors_the_interval_and_rows_are_independent() -> None:
    rng = np.random.default_rng(6)
    weights, rows = rng.dirichlet(np.ones(61)), rng.normal(size=(4, 61))
    value, low, high = signed_interval(rows, weights, 61, 5, 0.05, 0.1)
    mirrored = signed_interval(-rows, weights, 61, 5, 0.05)
    plain = signed_interval(rows, weights, 61, 5, 0.05)
    np.testing.assert_allclose(mirrored[1], -plain[2], rtol=1e-9)
    np.testing.assert_allclose(mirrored[2], -plain[1], rtol=1e-9)
    for i, row in enumerate(rows):
        np.testing.assert_allclose([x[i] for x in (value, low, high)], signed_interval(row, weights, 61, 5, 0.05, 0.1), rtol=1e-12)
    assert (low <= plain[1] - 0.1 + 1e-12).all()
    assert (high >= plain[2] + 0.1 - 1e-12).all()
