from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from scipy import stats

from villani_verify.estimation.student_t import student_t_cdf, student_t_quantile

FREEDOMS = [1, 2, 3, 4, 5, 7, 9, 10, 15, 29, 30, 99, 100, 199, 200]
PROBABILITIES = [1e-9, 1e-6, 0.001, 0.025, 0.3, 0.5, 0.7, 0.9, 0.975, 0.995, 0.99999, 1 - 1e-9]


@pytest.mark.parametrize("freedom", range(1, 201))
def test_distribution_function(freedom: int) -> None:
    for x in (-50.0, -3.3, -1.0, -1e-6, 0.0, 0.2, 1.0, 2.5, 7.0, 1e4):
        # For one degree of freedom scipy itself is off by 6e-12 near zero, where the Cauchy distribution is ½ + atan(x)/π.
        expected = 0.5 + math.atan(x) / math.pi if freedom == 1 else stats.t.cdf(x, freedom)
        assert student_t_cdf(x, freedom) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("probability", PROBABILITIES)
def test_quantile(freedom: int, probability: float) -> None:
    x = student_t_quantile(probability, freedom)
    assert stats.t.cdf(x, freedom) == pytest.approx(probability, abs=1e-12)
    if 1e-3 <= probability <= 0.999:
        assert x == pytest.approx(stats.t.ppf(probability, freedom), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("probability", [0.6, 0.975, 0.99999])
def test_symmetry(freedom: int, probability: float) -> None:
    assert student_t_quantile(1 - probability, freedom) == pytest.approx(-student_t_quantile(probability, freedom), rel=1e-9)
    assert student_t_cdf(-1.7, freedom) == pytest.approx(1 - student_t_cdf(1.7, freedom), abs=1e-15)


def test_the_middle_is_zero() -> None:
    assert student_t_quantile(0.5, 7) == pytest.approx(0, abs=1e-15)


def test_closed_forms() -> None:
    # Cauchy for one degree of freedom; (2p − 1)/√(2p(1 − p)) for two.
    assert student_t_quantile(0.975, 1) == pytest.approx(math.tan(math.pi * 0.475), rel=1e-12)
    assert student_t_quantile(0.975, 2) == pytest.approx(0.95 / math.sqrt(2 * 0.975 * 0.025), rel=1e-12)


@pytest.mark.parametrize("freedom", [100_001, 1e9, math.inf])
def test_many_degrees_of_freedom_are_normal(freedom: float) -> None:
    assert student_t_quantile(0.975, freedom) == NormalDist().inv_cdf(0.975)


def test_the_normal_quantile_is_near_enough_where_it_takes_over() -> None:
    assert NormalDist().inv_cdf(0.975) == pytest.approx(stats.t.ppf(0.975, 100_001), rel=2e-5)
    assert student_t_quantile(0.975, 100_000) == pytest.approx(stats.t.ppf(0.975, 100_000), rel=1e-9)


@pytest.mark.parametrize(("probability", "freedom"), [(0, 5), (1, 5), (-0.1, 5), (1.1, 5), (math.nan, 5), (0.9, 0), (0.9, -3)])
def test_out_of_range(probability: float, freedom: float) -> None:
    with pytest.raises(ValueError, match=r"^probability .* and degrees of freedom .*: out of range$"):
        student_t_quantile(probability, freedom)
