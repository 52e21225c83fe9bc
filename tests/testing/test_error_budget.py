from __future__ import annotations

import math

import pytest
from hypothesis import settings

from villani_verify.testing.error_budget import (
    FALSE_ALARMS,
    STATISTICAL_TESTS,
    error_share,
    hutchinson_error_bound,
    level_of_each_of_two,
)


def test_shares_add_up_to_the_budget() -> None:
    assert error_share() * STATISTICAL_TESTS * settings().max_examples == pytest.approx(FALSE_ALARMS)


def test_two_agreeing_measurements_spend_one_share() -> None:
    assert (1 - level_of_each_of_two()) ** 2 == pytest.approx(error_share(), rel=1e-6)


@pytest.mark.parametrize(("frobenius", "spectral", "n", "p"), [(3.0, 1.0, 64, 1e-9), (5.0, 5.0, 10, 1e-3), (0.0, 0.0, 4, 0.1)])
def test_the_bound_solves_the_published_inequality(frobenius: float, spectral: float, n: int, p: float) -> None:
    bound = hutchinson_error_bound(frobenius, spectral, num_probes=n, error_probability=p)
    if frobenius == 0:
        assert bound == 0
        return
    assert 2 * math.exp(-n * bound**2 / (8 * frobenius**2 + 8 * bound * spectral)) == pytest.approx(p)


def test_the_bound_holds_over_all_sign_vectors() -> None:
    # B = 1 off the diagonal, d = 4: vᵀBv = (Σv)² − 4 over all 16 sign vectors is 12 (twice), 0 (eight times), −4 (six times).
    # One probe: P(|vᵀBv| ≥ ε) is known exactly for each ε.
    frobenius, spectral = math.sqrt(12), 3.0
    for p in (0.05, 0.125, 0.3, 0.6, 0.9):
        bound = hutchinson_error_bound(frobenius, spectral, num_probes=1, error_probability=p)
        exact = sum(count for value, count in ((12, 2), (0, 8), (4, 6)) if value >= bound) / 16
        assert exact <= p
