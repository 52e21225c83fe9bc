from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from villani_verify.estimation.proportion import clopper_pearson
from villani_verify.theory.pac_bayes.binary_kl import binary_kl, kl_inverse_lower, kl_inverse_upper, mean_interval

PROBABILITIES = st.floats(0, 1) | st.floats(0, 1e-6)
BUDGETS = st.floats(1e-9, 50)


def naive_kl(q: float, p: float) -> float:
    return math.fsum(a * math.log(a / b) for a, b in ((q, p), (1 - q, 1 - p)) if a > 0)


def naive_inverse(q: float, nats: float) -> float:
    low, high = q, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if middle < 1 and naive_kl(q, middle) <= nats else (low, middle)
    return low


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_divergence_against_the_definition(q: float, p: float) -> None:
    assert binary_kl(q, p) == pytest.approx(naive_kl(q, p), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize(
    ("q", "p", "expected"),
    [
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 0.0),
        (0.0, 0.25, -math.log(0.75)),
        (1.0, 0.25, math.log(4)),
        (0.5, 0.0, math.inf),
        (0.5, 1.0, math.inf),
        (0.0, 1.0, math.inf),
        (0.5, 0.25, 0.5 * math.log(4 / 3)),
    ],
)
def test_divergence_at_known_places(q: float, p: float, expected: float) -> None:
    assert binary_kl(q, p) == pytest.approx(expected, rel=1e-14)


@given(st.floats(0, 1), st.floats(1e-4, 20))
def test_inverse_against_bisection(q: float, nats: float) -> None:
    assert kl_inverse_upper(q, nats) == pytest.approx(naive_inverse(q, nats), rel=1e-9, abs=1e-12)


@given(PROBABILITIES, BUDGETS)
def test_inverse_is_an_inverse(q: float, nats: float) -> None:
    p = kl_inverse_upper(q, nats)
    assert q <= p <= 1
    if p < 1 - 1e-9 and p > q * (1 + 1e-6):
        assert binary_kl(q, p) == pytest.approx(nats, rel=1e-5)
    assert kl_inverse_lower(1 - q, nats) == pytest.approx(1 - p, abs=1e-12)


@given(PROBABILITIES, BUDGETS, st.floats(1, 3))
def test_inverse_rises_with_the_loss_and_the_budget(q: float, nats: float, factor: float) -> None:
    p = kl_inverse_upper(q, nats)
    assert kl_inverse_upper(q, nats * factor) >= p - 1e-12
    assert kl_inverse_upper(min(1, q * factor), nats) >= p - 1e-12


@pytest.mark.parametrize(
    ("q", "nats", "expected"),
    [
        (0.0, 0.5, 1 - math.exp(-0.5)),
        (0.0, 1e-12, 1e-12),
        (1.0, 0.3, 1.0),
        (0.3, 0.0, 0.3),
        (0.3, math.inf, 1.0),
        (0.3, 1e9, 1.0),
        (0.5, -0.5 * math.log(1 - 0.36), 0.8),
        (1e-12, 1e-18, 1e-12 + math.sqrt(2e-30)),
    ],
)
def test_inverse_at_known_places(q: float, nats: float, expected: float) -> None:
    # At q = ½: kl(½‖½(1 + x)) = −½ ln(1 − x²).
    assert kl_inverse_upper(q, nats) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("count", "p", "delta"), [(20, 0.5, 0.1), (50, 0.03, 0.05), (200, 0.9, 0.3), (1, 0.4, 0.05)])
def test_interval_of_a_coin_misses_at_most_as_often_as_it_says(count: int, p: float, delta: float) -> None:
    # Exactly, by the binomial distribution: no sampling.
    missed = 0.0
    for k in range(count + 1):
        low, high = mean_interval(k / count, count, delta)
        missed += 0.0 if low <= p <= high else binom.pmf(k, count, p)
    assert missed <= delta
    narrower = [mean_interval(k / count, count, min(0.999, 20 * delta)) for k in range(count + 1)]
    if count > 1:
        assert sum(binom.pmf(k, count, p) for k, (low, high) in enumerate(narrower) if not low <= p <= high) > missed


@pytest.mark.parametrize("count", [1, 7, 40])
@pytest.mark.parametrize("delta", [0.3, 0.05, 1e-4])
def test_interval_of_a_coin_holds_the_exact_one_and_meets_it_at_the_ends(count: int, delta: float) -> None:
    for k in range(count + 1):
        low, high = mean_interval(k / count, count, delta)
        exact_low, exact_high = clopper_pearson(k, count, 1 - delta)
        assert low <= exact_low + 1e-12
        assert high >= exact_high - 1e-12
    # At zero both say that the chance of never, (1 − p)^m, is δ/2.
    assert mean_interval(0.0, count, delta)[1] == pytest.approx(1 - (delta / 2) ** (1 / count), rel=1e-12)


def test_interval_covers_values_that_are_no_coins() -> None:
    # 2,000 intervals of 40 uniform values each, at δ = 0.2: at most the binomial quantile at 1e-6 may miss.
    values = np.random.default_rng(0).random((2000, 40)).mean(axis=1)
    intervals = [mean_interval(v, 40, 0.2) for v in values]
    assert sum(not low <= 0.5 <= high for low, high in intervals) <= binom.ppf(1 - 1e-6, 2000, 0.2)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: binary_kl(-0.1, 0.5),
        lambda: binary_kl(0.5, 1.1),
        lambda: kl_inverse_upper(2, 1),
        lambda: kl_inverse_upper(0.5, -1),
        lambda: kl_inverse_upper(math.nan, 1),
        lambda: kl_inverse_upper(0.5, math.nan),
        lambda: mean_interval(0.5, 0, 0.1),
        lambda: mean_interval(0.5, 3, 0),
        lambda: mean_interval(0.5, 3, 1),
    ],
)
def test_arguments_out_of_range(wrong) -> None:
    with pytest.raises(ValueError, match=r"not in \[0, 1\]|negative|out of range"):
        wrong()
