from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from scipy import integrate

from villani_verify.estimation.student_t import student_t_quantile


def density(x: float, freedom: float) -> float:
    """Student's density, as Student wrote it."""
    constant = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi * freedom)
    return constant * (1 + x * x / freedom) ** (-(freedom + 1) / 2)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 15, 29, 99, 200, 3.5])
@pytest.mark.parametrize("probability", [0.001, 0.025, 0.3, 0.7, 0.9, 0.975, 0.995, 0.99999])
def test_the_density_below_the_quantile_integrates_to_the_probability(freedom: float, probability: float) -> None:
    between, _ = integrate.quad(density, 0, student_t_quantile(probability, freedom), args=(freedom,), epsabs=1e-12)
    assert 0.5 + between == pytest.approx(probability, abs=1e-10)


@pytest.mark.parametrize("freedom", [1, 4, 9, 100])
@pytest.mark.parametrize("probability", [0.6, 0.975, 0.99999])
def test_symmetry(freedom: int, probability: float) -> None:
    assert student_t_quantile(1 - probability, freedom) == pytest.approx(-student_t_quantile(probability, freedom), rel=1e-9)


def test_the_middle_is_zero() -> None:
    assert student_t_quantile(0.5, 7) == pytest.approx(0, abs=1e-15)


def test_closed_forms() -> None:
    # Cauchy for one degree of freedom; (2p − 1)/√(2p(1 − p)) for two.
    assert student_t_quantile(0.975, 1) == pytest.approx(math.tan(math.pi * 0.475), rel=1e-12)
    assert student_t_quantile(0.975, 2) == pytest.approx(0.95 / math.sqrt(2 * 0.975 * 0.025), rel=1e-12)


@pytest.mark.parametrize(("freedom", "rel"), [(1e5, 2e-5), (1e9, 1e-8), (math.inf, 1e-14)])
def test_many_degrees_of_freedom_are_normal(freedom: float, rel: float) -> None:
    assert student_t_quantile(0.975, freedom) == pytest.approx(NormalDist().inv_cdf(0.975), rel=rel)


@pytest.mark.parametrize(
    ("probability", "freedom"), [(0, 5), (1, 5), (-0.1, 5), (1.1, 5), (math.nan, 5), (0.9, 0), (0.9, -3), (0.9, math.nan)]
)
def test_out_of_range(probability: float, freedom: float) -> None:
    with pytest.raises(ValueError, match=r"^probability .* and degrees of freedom .*: out of range$"):
        student_t_quantile(probability, freedom)
