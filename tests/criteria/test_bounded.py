from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from villani_verify.criteria.bounded import bounded_family, last_decade, upper_critical_temperatures
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.psi import PointMeasurement
from villani_verify.search.scan import log_spaced

LEVEL = 0.99


def _point(radius: float, gradient: float, laplacian: Estimate) -> PointMeasurement:
    return PointMeasurement(radius, 1.0, 1.0, gradient, gradient, laplacian, laplacian)


def _exact(value: float) -> Estimate:
    return Estimate.exact(value, num_matvecs=1, method="exact", dtype="float64", device="cpu")


def points(
    gradient: Callable[[float], float],
    laplacian: Callable[[float], float],
    *,
    low: float = 10.0,
    high: float = 110.0,
    count: int = 5,
) -> list[PointMeasurement]:
    return [_point(r, gradient(r), _exact(laplacian(r))) for r in log_spaced(low, high, count)]


def power(exponent: float, coefficient: float = 1.0) -> list[PointMeasurement]:
    """s* = coefficient · r^exponent on ‖∇F‖² = r⁴."""
    return points(lambda r: r**4, lambda r: r ** (4 - exponent) / coefficient)


def test_a_constant_critical_temperature_refutes_above_it() -> None:
    found = bounded_family(power(0, 3e-3), (), LEVEL)
    assert found is not None
    assert found.mechanism == "temperature"
    assert found.bound == pytest.approx(3e-3)
    assert found.temperature == pytest.approx(6e-3)
    assert found.fit.exponent == pytest.approx(0, abs=1e-9)
    # Ψ_s is indeed negative there, and falls.
    psi = [p.psi(found.temperature) for p in power(0, 3e-3)]
    assert max(psi) < 0
    assert psi == sorted(psi, reverse=True)


def test_a_falling_critical_temperature_refutes_for_every_s() -> None:
    found = bounded_family(power(-2), (), LEVEL)
    assert found is not None
    assert found.every_temperature
    assert found.fit.exponent == pytest.approx(-2)
    assert found.bound == pytest.approx(1e-2)  # the largest over the decade, at r = 10
    # However exactly the exponent is known: a drift is not a fall.
    for exponent in (0.01, 0.0, -0.01, -0.2):
        constant = bounded_family(power(exponent), (), LEVEL)
        assert constant is not None
        assert not constant.every_temperature


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.0, 2.0])
def test_a_growing_critical_temperature_refutes_nothing(exponent: float) -> None:
    assert bounded_family(power(exponent), (), LEVEL) is None


def test_temperatures_count_only_above_the_bound() -> None:
    family = power(0, 3e-3)
    assert bounded_family(family, (1e-3,), LEVEL) is None
    assert bounded_family(family, (3e-3,), LEVEL) is None
    found = bounded_family(family, (1e-3, 5.0, 1e-2), LEVEL)
    assert found is not None
    assert found.temperature == 1e-2


def test_a_gradient_that_does_not_grow_refutes_where_the_laplacian_does_not_fall() -> None:
    # Linear growth in one dimension: ‖∇F‖ = 1, ΔF → 0, so s* → ∞ and yet Ψ_s → 1/s.
    found = bounded_family(points(lambda r: 1.0, lambda r: r**-3), (), LEVEL)
    assert found is not None
    assert found.mechanism == "gradient"
    assert found.every_temperature
    assert found.bound == pytest.approx(1.0, rel=1e-3)
    only = bounded_family(points(lambda r: 1.0, lambda r: r**-3), (0.5, 2.0), LEVEL)
    assert only is not None
    assert (only.temperature, only.every_temperature) == (0.5, False)
    assert only.bound == pytest.approx(2.0, rel=1e-3)


def test_a_laplacian_that_falls_to_minus_infinity_carries_psi_with_it() -> None:
    assert bounded_family(points(lambda r: 1.0, lambda r: -(r**2)), (), LEVEL) is None
    # Zero gradient and zero Laplacian: a plane.
    plane = bounded_family(points(lambda r: 0.0, lambda r: 0.0), (), LEVEL)
    assert plane is not None
    assert plane.mechanism == "gradient"


def test_less_than_a_decade_or_three_points_decide_nothing() -> None:
    flat = lambda r: r**4
    assert bounded_family(points(flat, flat, low=10, high=95), (), LEVEL) is None
    assert bounded_family(points(flat, flat, low=10, high=100), (), LEVEL) is not None
    assert bounded_family(points(flat, flat, count=2), (), LEVEL) is None
    assert bounded_family([], (), LEVEL) is None


def test_only_the_last_decade_counts() -> None:
    # s* falls up to r = 100 and grows from there: the verdict is about the end.
    turning = points(lambda r: r**4, lambda r: r**4 / max(100 / r, r / 100), low=1, high=1e4, count=17)
    assert bounded_family(turning, (), LEVEL) is None
    kept = last_decade(turning)
    assert 10 <= kept[-1].radius / kept[0].radius <= 20
    assert len(kept) < len(turning)


def test_wide_intervals_decide_nothing() -> None:
    rng = random.Random(0)

    def noisy(relative: float) -> list[PointMeasurement]:
        rows = []
        for r in log_spaced(10.0, 110.0, 5):
            samples = [r**4 * (1 + relative * rng.gauss(0, 1)) for _ in range(16)]
            estimate = Estimate.mean_of(samples, num_matvecs=16, method="hutchinson", dtype="float64", device="cpu")
            rows.append(_point(r, 1e-3 * r**4, estimate))
        return rows

    assert all(math.isinf(u) for u in upper_critical_temperatures(noisy(30.0), LEVEL))
    assert bounded_family(noisy(30.0), (), LEVEL) is None
    narrow = bounded_family(noisy(0.3), (), LEVEL)
    assert narrow is not None
    assert 1e-3 < narrow.bound < 2e-3


def test_upper_bounds_hold_jointly() -> None:
    estimate = Estimate.mean_of([1.0, 2.0, 3.0, 2.0] * 4, num_matvecs=16, method="hutchinson", dtype="float64", device="cpu")
    family = [_point(r, 1.0, estimate) for r in (1.0, 2.0, 5.0, 10.0)]
    # Bonferroni over four points: each at 1 − 0.04/4.
    assert upper_critical_temperatures(family, 0.96) == [family[0].critical_temperature_interval(0.99)[1]] * 4


def test_bounds_of_psi_hold_jointly_and_from_above() -> None:
    # ΔF may be negative, so that s* has no upper bound; ‖∇F‖ = 1 does not grow. Bonferroni over five points: each at 1 − 0.05/5.
    estimate = Estimate.mean_of([1.0, -1.0, 0.5, -0.5] * 4, num_matvecs=16, method="hutchinson", dtype="float64", device="cpu")
    family = [_point(r, 1.0, estimate) for r in log_spaced(10.0, 110.0, 5)]
    found = bounded_family(family, (0.5,), 0.95)
    assert found is not None
    assert found.mechanism == "gradient"
    assert found.bound == pytest.approx(family[0].psi_interval(0.5, 0.99)[1], rel=1e-9)
    assert found.bound > 2


def test_growth_is_not_taken_for_boundedness() -> None:
    # 300 families with s* ~ r or r², each point scattered by a factor e^{0.3 N(0,1)}. Over a decade with five points the fitted
    # exponent's standard deviation is 0.3/(ln(11)·√(5/8)) ≈ 0.16, so 0.25 is more than 4.5 of them below 1. A false alarm has
    # probability below 3e-6 each, 1e-3 in all for any seed, and the seed is fixed.
    rng = random.Random(1)
    for i in range(300):
        exponent = 1 + i % 2
        family = [
            _point(p.radius, p.gradient_norm_squared, p.laplacian.shifted(p.laplacian.value * math.expm1(0.3 * rng.gauss(0, 1))))
            for p in power(exponent)
        ]
        assert bounded_family(family, (), LEVEL) is None


def test_a_fall_counts_for_every_temperature_only_once_the_decay_rules_the_gradient() -> None:
    def decayed(gradient: Callable[[float], float]) -> bool:
        found = bounded_family([replace(p, value=1.0 + 0.05 * p.radius**2) for p in points(gradient, lambda r: r**4)], (), LEVEL)
        assert found is not None
        return found.every_temperature

    # ‖∇F‖² = G² + λ²r²: with G² still the larger part, s* = G² r⁻⁴ is not yet on its way as λ²r⁻² is.
    assert not decayed(lambda r: 1e8 + 0.01 * r**2)
    assert decayed(lambda r: 0.01 * r**2)
    # Without decay along the family nothing is to come.
    found = bounded_family(points(lambda r: 1e8, lambda r: r**4), (), LEVEL)
    assert found is not None
    assert found.every_temperature
