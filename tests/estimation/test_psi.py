from __future__ import annotations

import math
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.errors import LandscapeError
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.psi import PointMeasurement, assemble, exact_estimate, measure_point
from villani_verify.landscape import Landscape

F64 = torch.float64
ENGINE = ForwardOverReverse()


def sampled(*samples: float) -> Estimate:
    return Estimate.mean_of(samples, num_matvecs=len(samples), method="hutchinson", dtype="float64", device="cpu")


def measurement(laplacian: Estimate, gradient_norm_squared: float = 6.0) -> PointMeasurement:
    return PointMeasurement(1.0, 0.0, 0.0, 0.0, gradient_norm_squared, laplacian, laplacian)


POSITIVE = sampled(*(4.0 + 0.1 * k for k in range(-5, 6)))
AROUND_ZERO = sampled(*(0.1 + k for k in range(-5, 6)))
NEGATIVE = sampled(*(-4.0 + 0.1 * k for k in range(-5, 6)))


@pytest.mark.parametrize("temperature", [1e-3, 0.5, 1.0, 1.5, 40.0])
@pytest.mark.parametrize("laplacian", [POSITIVE, AROUND_ZERO])
def test_psi_is_the_gradient_times_a_difference_of_inverse_temperatures(laplacian: Estimate, temperature: float) -> None:
    m = measurement(laplacian)
    assert m.psi(temperature) == pytest.approx(6.0 / temperature - laplacian.value, rel=1e-14)
    assert m.psi(temperature) == pytest.approx(6.0 * (1 / temperature - 1 / m.critical_temperature), rel=1e-12)
    assert (m.psi(temperature) > 0) == (temperature < m.critical_temperature)


def test_intervals_swap_their_ends() -> None:
    m = measurement(POSITIVE)
    low, high = POSITIVE.interval(0.9)
    assert m.psi_interval(2.0, 0.9) == pytest.approx((3 - high, 3 - low), rel=1e-14)
    assert m.critical_temperature == pytest.approx(1.5)
    assert m.critical_temperature_interval(0.9) == pytest.approx((6 / high, 6 / low), rel=1e-14)
    lower, upper = m.critical_temperature_interval()
    assert lower < m.critical_temperature < upper


def test_critical_temperature_is_infinite_where_the_laplacian_may_be_negative() -> None:
    m = measurement(AROUND_ZERO)
    low, high = m.critical_temperature_interval()
    assert low == pytest.approx(6 / AROUND_ZERO.interval()[1])
    assert high == math.inf
    m = measurement(NEGATIVE)
    assert m.critical_temperature == math.inf
    assert m.critical_temperature_interval() == (math.inf, math.inf)
    assert m.psi(1e9) > 0


def test_critical_temperature_is_infinite_where_the_laplacian_is_zero() -> None:
    zero = Estimate.exact(0.0, num_matvecs=1, method="exact", dtype="float64", device="cpu")
    assert measurement(zero).critical_temperature == math.inf
    assert measurement(zero).psi_interval(3.0) == (2.0, 2.0)


def test_critical_temperature_is_zero_at_a_stationary_point_of_positive_curvature() -> None:
    assert measurement(POSITIVE, gradient_norm_squared=0.0).critical_temperature == 0.0


def symmetric(d: int) -> Tensor:
    a = torch.randn(d, d, generator=torch.Generator().manual_seed(0), dtype=F64)
    return (a + a.T) / 2


class TestMeasurePoint:
    d = 20
    h = symmetric(20) + torch.eye(20, dtype=F64)
    theta = torch.linspace(-1, 2, 20, dtype=F64)

    def landscape(self) -> Landscape:
        return Landscape.from_function(
            lambda t: 0.5 * t @ self.h @ t + 100, self.d, blocks={"a": 5, "b": 15}, weight_decay={"a": 0.3, "b": 0.8},
            initial=self.theta,
        )  # fmt: skip

    def measure(self, **options: Any) -> PointMeasurement:
        landscape = self.landscape()
        return measure_point(landscape, landscape.initial, engine=ENGINE, **({"seed": 0, "num_probes": 12} | options))

    def test_exact_in_closed_form(self) -> None:
        m = self.measure()
        decay = torch.tensor([0.3] * 5 + [0.8] * 15, dtype=F64)
        plain = self.h @ self.theta
        full = plain + decay * self.theta
        assert m.radius == pytest.approx(float(self.theta.norm()), rel=1e-14)
        assert m.loss == pytest.approx(100 + 0.5 * float(self.theta @ plain), rel=1e-14)
        assert m.value == pytest.approx(m.loss + 0.5 * float((decay * self.theta**2).sum()), rel=1e-14)
        assert m.loss_gradient_norm_squared == pytest.approx(float(plain @ plain), rel=1e-12)
        assert m.gradient_norm_squared == pytest.approx(float(full @ full), rel=1e-12)
        assert m.loss_laplacian.value == pytest.approx(float(self.h.trace()), rel=1e-12)
        assert m.laplacian.value == pytest.approx(float(self.h.trace()) + 13.5, rel=1e-12)
        assert m.laplacian.is_exact
        assert (m.laplacian.num_matvecs, m.laplacian.method) == (20, "exact")

    def test_probes_above_the_exact_dimension(self) -> None:
        m = self.measure(exact_dimension=19)
        assert (m.laplacian.num_matvecs, m.laplacian.degrees_of_freedom) == (12, 11)
        assert m.laplacian.standard_error == m.loss_laplacian.standard_error > 0
        assert m.laplacian.value == pytest.approx(m.loss_laplacian.value + 13.5, rel=1e-14)
        # Twelve normal-like samples: seven standard errors are exceeded with probability 2e-5, and the seed is fixed.
        assert abs(m.laplacian.value - 13.5 - float(self.h.trace())) < 7 * m.laplacian.standard_error

    def test_probes_until_narrow_enough(self) -> None:
        m = self.measure(exact_dimension=0, target_relative_error=0.3)
        low, high = m.loss_laplacian.interval()
        assert (high - low) / 2 <= 0.3 * abs(m.loss_laplacian.value)
        assert m.loss_laplacian.alpha_share < 1

    def test_seed_is_the_address(self) -> None:
        assert self.measure(exact_dimension=0, seed=4) == self.measure(exact_dimension=0, seed=4)
        assert self.measure(exact_dimension=0, seed=4) != self.measure(exact_dimension=0, seed=5)


def test_exact_estimate_names_dtype_and_device() -> None:
    landscape = Landscape.from_function(lambda t: (t**2).sum(), 3).to(dtype=torch.float32)
    estimate = exact_estimate(landscape, 6.0)
    assert (estimate.value, estimate.num_matvecs, estimate.dtype, estimate.device) == (6.0, 3, "float32", "cpu")


class TestNotFinite:
    numbers: ClassVar = {"loss": 1.0, "plain": 1.0, "full": 1.0}

    @pytest.mark.parametrize(
        ("changed", "what"), [({"loss": math.nan}, "loss"), ({"loss": math.inf}, "loss"), ({"full": math.inf}, "gradient")]
    )
    def test_loss_and_gradient(self, changed: dict[str, float], what: str) -> None:
        landscape = Landscape.from_function(lambda t: (t**2).sum(), 4)
        message = (
            rf"^{what} of landscape 'function' at radius 1: (nan|inf) is not finite in float64; "
            r"use a smaller radius or --dtype float64$"
        )
        with pytest.raises(LandscapeError, match=message):
            assemble(landscape, landscape.initial, **(self.numbers | changed), laplacian=exact_estimate(landscape, 1.0))

    def test_laplacian(self) -> None:
        landscape = Landscape.from_function(lambda t: (t**2).sum(), 4)
        with pytest.raises(LandscapeError, match=r"^Laplacian of landscape 'function' at radius 1: -inf is not finite"):
            assemble(landscape, landscape.initial, **self.numbers, laplacian=exact_estimate(landscape, -math.inf))

    def test_negative_loss(self) -> None:
        landscape = Landscape.from_function(lambda t: (t**2).sum(), 4)
        with pytest.raises(
            LandscapeError, match=r"^loss of landscape 'function' at radius 1: -1 is negative, and the criteria need L ≥ 0"
        ):
            assemble(landscape, landscape.initial, **(self.numbers | {"loss": -1.0}), laplacian=exact_estimate(landscape, 1.0))

    @pytest.mark.parametrize("exact_dimension", [0, 64])
    @pytest.mark.parametrize("fn", [lambda t: t.exp().sum(), lambda t: (t[0].exp() - t[1].exp()) ** 2 + t[2].exp() - t[3].exp()])
    def test_a_measurement_that_overflows(self, fn: Any, exact_dimension: int) -> None:
        landscape = Landscape.from_function(fn, 4)
        far = {"theta": torch.full((4,), 1000.0, dtype=F64)}
        with pytest.raises(LandscapeError, match=r"at radius 2000: (nan|inf) is not finite in float64"):
            measure_point(landscape, far, engine=ENGINE, seed=0, num_probes=10, exact_dimension=exact_dimension)
