from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from scipy import stats

from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.mean_interval import mean_interval

ABOUT = {"num_matvecs": 5, "method": "hutchinson", "dtype": "float64", "device": "cpu"}
SAMPLES = (3.0, -1.5, 4.25, 0.5, 2.0)


def make(samples: tuple[float, ...] = SAMPLES) -> Estimate:
    return Estimate.mean_of(samples, **ABOUT)


def test_mean_and_standard_error() -> None:
    estimate = make()
    assert estimate.value == pytest.approx(np.mean(SAMPLES), rel=1e-15)
    assert estimate.standard_error == pytest.approx(stats.sem(SAMPLES), rel=1e-14)
    assert estimate.degrees_of_freedom == 4
    assert estimate.samples == SAMPLES
    assert (estimate.num_matvecs, estimate.method, estimate.dtype, estimate.device) == (5, "hutchinson", "float64", "cpu")
    assert not estimate.is_exact


def test_the_spread_survives_a_large_common_offset() -> None:
    # Σx² − n x̄² would lose every digit here.
    assert make(tuple(x + 1e9 for x in SAMPLES)).standard_error == pytest.approx(stats.sem(SAMPLES), rel=1e-6)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_the_interval_of_symmetric_samples_is_student_s(level: float) -> None:
    symmetric = (-3.0, -1.0, 0.5, 2.0, 4.0)
    expected = stats.t.interval(level, 4, loc=0.5, scale=stats.sem(symmetric))
    assert make(symmetric).interval(level) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_the_interval_is_that_of_the_samples_mean(level: float) -> None:
    expected = mean_interval(float(np.mean(SAMPLES)), stats.sem(SAMPLES), stats.skew(SAMPLES), 5, (1 - level) / 2)
    assert make().interval(level) == pytest.approx(expected, rel=1e-9)


def test_default_level() -> None:
    assert make().interval() == make().interval(0.95)


@pytest.mark.parametrize("share", [0.5, 0.25, 2.0**-10])
def test_a_share_of_the_error_probability_widens_the_interval(share: float) -> None:
    assert replace(make(), alpha_share=share).interval(0.95) == pytest.approx(make().interval(1 - 0.05 * share), rel=1e-8)
    assert make().interval()[0] > replace(make(), alpha_share=share).interval()[0]


def test_exact() -> None:
    estimate = Estimate.exact(2.5, num_matvecs=7, method="exact", dtype="float64", device="cpu")
    assert estimate.is_exact
    assert estimate.interval(0.999) == (2.5, 2.5)
    assert (estimate.standard_error, estimate.degrees_of_freedom, estimate.samples, estimate.num_matvecs) == (0.0, math.inf, (), 7)


def test_equal_samples_have_no_error_but_are_not_called_exact() -> None:
    estimate = make((4.0,) * 10)
    assert estimate.interval() == (4.0, 4.0)
    assert not estimate.is_exact


def test_shifted() -> None:
    estimate, moved = make(), make().shifted(10)
    assert moved.value == estimate.value + 10
    assert moved.samples == tuple(x + 10 for x in SAMPLES)
    assert moved.standard_error == estimate.standard_error
    low, high = estimate.interval()
    assert moved.interval() == pytest.approx((low + 10, high + 10), rel=1e-15)


@pytest.mark.parametrize("samples", [(), (1.0,)])
def test_too_few_samples(samples: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=rf"^{len(samples)} sample\(s\): an interval needs at least two$"):
        make(samples)


@pytest.mark.parametrize("strange", [(math.inf, -math.inf), (math.nan, 1.0), (1.0, math.inf)])
def test_samples_that_are_not_finite_give_nan_and_do_not_raise(strange: tuple[float, ...]) -> None:
    estimate = make(strange)
    assert math.isnan(estimate.value)
    assert math.isnan(estimate.standard_error)
    assert all(map(math.isnan, estimate.interval()))


def test_a_spread_that_overflows_is_infinite() -> None:
    assert make((1e200, -1e200)).standard_error == math.inf


def test_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        make().value = 0.0  # type: ignore[misc]
