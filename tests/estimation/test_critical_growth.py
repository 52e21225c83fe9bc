from __future__ import annotations

import math

import numpy as np
import pytest

from villani_verify.estimation.critical_growth import critical_temperature_growth
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.growth import fit_growth, fit_noisy_growth
from villani_verify.estimation.psi import PointMeasurement

RADII = (1.0, 3.0, 9.0, 30.0)
ABOUT = {"num_matvecs": 5, "method": "hutchinson", "dtype": "float64", "device": "cpu"}


def point(radius: float, gradient: float, laplacian: Estimate) -> PointMeasurement:
    return PointMeasurement(radius, 0.0, 0.0, gradient, gradient, laplacian, laplacian)


def exact(value: float) -> Estimate:
    return Estimate.exact(value, **ABOUT)


def test_exact_laplacians_are_fitted_as_they_are() -> None:
    ray = [point(r, 5 * r**4, exact(r + 1)) for r in RADII]
    assert critical_temperature_growth([ray]) == fit_growth([[(r, 5 * r**4 / (r + 1)) for r in RADII]])


def test_a_sample_moves_the_logarithm_by_what_a_difference_says() -> None:
    generator = np.random.default_rng(0)
    samples = [[r**2 * (1 + 0.3 * float(z)) for z in generator.normal(size=12)] for r in RADII]
    ray = [point(r, r**6, Estimate.mean_of(x, **ABOUT)) for r, x in zip(RADII, samples, strict=True)]
    rows = []
    for r, x in zip(RADII, samples, strict=True):
        mean = float(np.mean(x))
        moved = [(math.log(r**6 / (mean + 1e-6 * (v - mean))) - math.log(r**6 / mean)) / 1e-6 for v in x]
        rows.append((r, r**6 / mean, moved))
    found, expected = critical_temperature_growth([ray]), fit_noisy_growth([rows])
    assert found is not None
    assert expected is not None
    assert found.exponent == pytest.approx(expected.exponent, rel=1e-12)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=1e-4)


def test_points_where_s_star_is_infinite_are_left_out() -> None:
    ray = [point(r, r**4, exact(1.0)) for r in RADII]
    flat = point(100.0, 1.0, exact(-2.0))
    assert critical_temperature_growth([[*ray, flat]]) == critical_temperature_growth([ray])


def test_a_gradient_of_zero_counts_as_the_smallest_number() -> None:
    fit = critical_temperature_growth([[*(point(r, r**4, exact(1.0)) for r in RADII), point(100.0, 0.0, exact(1.0))]])
    assert fit is not None
    assert fit.exponent < -50
