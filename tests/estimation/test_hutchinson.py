from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.curvature.probes import signs
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.hutchinson import FIRST_LOOK, laplacian_estimate, laplacian_to_relative_error
from villani_verify.estimation.psi import PointMeasurement
from villani_verify.landscape import Landscape
from villani_verify.points import Point

F64 = torch.float64


@lru_cache
def hessian(d: int, *, trace: float = 3.0) -> Tensor:
    """A symmetric matrix with normal entries off the diagonal: vᵀHv is a sum of many small terms, near normal."""
    a = torch.randn(d, d, generator=torch.Generator().manual_seed(d), dtype=F64)
    h = (a + a.T) / math.sqrt(8 * d)
    return h + torch.eye(d, dtype=F64) * (trace - h.trace()) / d


def quadratic(h: Tensor, *, weight_decay: float = 0.0) -> Landscape:
    # The constant keeps L ≥ 0 near the start; it has no derivatives.
    return Landscape.from_function(lambda t: 0.5 * t @ h @ t + 1e3, len(h), weight_decay=weight_decay)


def probe_variance(h: Tensor) -> float:
    """Variance of vᵀHv for signs v: 2(‖H‖_F² − Σ H_ii²)."""
    return 2 * float((h * h).sum() - (h.diagonal() ** 2).sum())


class OfMatrix:
    """An engine for L = ½ θᵀHθ, by one matrix product: fast enough for thousands of replications."""

    name = "matrix"

    def __init__(self, h: Tensor) -> None:
        self.h = h
        self.asked: list[tuple[int, list[int]]] = []

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        self.asked.append((seed, list(indices)))
        v = torch.stack([signs("theta", (len(self.h),), seed=seed, index=k, like=self.h) for k in indices])
        return torch.einsum("ki,ij,kj->k", v, self.h, v).tolist()

    laplacian_samples = quadratic_forms


def test_closed_form_of_the_variance_by_enumeration() -> None:
    h = hessian(9)
    v = torch.tensor(list(product((-1.0, 1.0), repeat=9)), dtype=F64)
    forms = torch.einsum("ki,ij,kj->k", v, h, v)
    assert float(forms.mean()) == pytest.approx(float(h.trace()), rel=1e-12)
    assert float(forms.var(unbiased=False)) == pytest.approx(probe_variance(h), rel=1e-12)


@pytest.mark.parametrize("engine", [DoubleBackward(), ForwardOverReverse(), OfMatrix(hessian(12))], ids=lambda e: e.name)
def test_unbiased_with_the_right_standard_error(engine) -> None:
    h = hessian(12)
    n = 2000
    estimate = laplacian_estimate(quadratic(h), {"theta": torch.ones(12, dtype=F64)}, engine=engine, num_probes=n, seed=17)
    deviation = math.sqrt(probe_variance(h) / n)
    # 5 standard deviations of the mean: error probability 6e-7.
    assert abs(estimate.value - 3.0) < 5 * deviation
    # The squared standard error has relative deviation √((κ − 1)/n); here the kurtosis κ is below 6, so 5 of them are 0.25.
    assert (estimate.standard_error / deviation) ** 2 == pytest.approx(1, abs=0.25)
    assert (estimate.degrees_of_freedom, estimate.num_matvecs, len(estimate.samples)) == (n - 1, n, n)
    assert (estimate.method, estimate.dtype, estimate.device) == (f"hutchinson, {engine.name}", "float64", "cpu")


def test_a_diagonal_hessian_has_no_variance() -> None:
    h = torch.diag(torch.tensor([1.0, -4.0, 2.5, 9.0], dtype=F64))
    landscape = quadratic(h)
    estimate = laplacian_estimate(landscape, landscape.initial, engine=DoubleBackward(), num_probes=10, seed=0)
    # Rounding of sums of four terms remains.
    assert estimate.value == pytest.approx(8.5, rel=1e-14)
    assert estimate.standard_error < 1e-14


def test_samples_are_those_of_the_addresses_and_another_seed_gives_others() -> None:
    h = hessian(12)
    landscape, engine = quadratic(h), OfMatrix(h)
    estimate = laplacian_estimate(landscape, landscape.initial, engine=engine, num_probes=10, seed=5)
    assert estimate.samples == tuple(engine.quadratic_forms(landscape, landscape.initial, seed=5, indices=range(10)))
    other = laplacian_estimate(landscape, landscape.initial, engine=engine, num_probes=10, seed=6)
    assert set(other.samples).isdisjoint(estimate.samples)


def test_too_few_probes() -> None:
    landscape = quadratic(hessian(3))
    with pytest.raises(ValueError, match="an interval needs at least two"):
        laplacian_estimate(landscape, landscape.initial, engine=DoubleBackward(), num_probes=1, seed=0)


@pytest.mark.parametrize("n", [10, 16])
def test_coverage_of_the_laplacian_and_of_the_critical_temperature(n: int) -> None:
    # With N = 4,000 replications the fraction that covers has standard deviation √(0.95 · 0.05/N) = 0.34 %, so a correct
    # 95 % interval leaves 93 … 97 % (5.8 deviations) with probability 7e-9. The samples here are near normal: the
    # excess kurtosis of vᵀHv is of order 1/d, which moves the true coverage by less than 0.1 %.
    replications, d = 4000, 100
    h = hessian(d, trace=40.0)
    truth, gradient_norm_squared = 40.0, 7.0
    v = signs("coverage", (replications * n, d), seed=n, index=0, like=h)
    forms = torch.einsum("ki,ij,kj->k", v, h, v).reshape(replications, n).tolist()
    covered = {"laplacian": 0, "critical temperature": 0}
    for samples in forms:
        estimate = Estimate.mean_of(samples, num_matvecs=n, method="hutchinson", dtype="float64", device="cpu")
        measured = PointMeasurement(1.0, 0.0, 0.0, 0.0, gradient_norm_squared, estimate, estimate)
        low, high = estimate.interval(0.95)
        covered["laplacian"] += low <= truth <= high
        low, high = measured.critical_temperature_interval(0.95)
        covered["critical temperature"] += low <= gradient_norm_squared / truth <= high
    for what, count in covered.items():
        assert 0.93 <= count / replications <= 0.97, f"{what}: {count} of {replications}"


class TestToRelativeError:
    def estimate(self, h: Tensor, *, target: float, seed: int = 0, **options: object) -> tuple[Estimate, OfMatrix]:
        engine, landscape = OfMatrix(h), quadratic(h)
        return laplacian_to_relative_error(landscape, landscape.initial, engine=engine, target=target, seed=seed, **options), engine

    def test_looks_double_and_never_draw_a_probe_twice(self) -> None:
        estimate, engine = self.estimate(hessian(30, trace=40.0), target=0.002)
        looks = int(math.log2(estimate.num_matvecs / FIRST_LOOK)) + 1
        assert looks > 2
        assert [k for _, indices in engine.asked for k in indices] == list(range(estimate.num_matvecs))
        assert [len(indices) for _, indices in engine.asked] == [10, *(10 * 2**j for j in range(looks - 1))]
        assert estimate.alpha_share == 0.5**looks
        assert estimate.num_matvecs == len(estimate.samples)

    def test_the_width_is_what_was_asked_for(self) -> None:
        estimate, _ = self.estimate(hessian(30, trace=40.0), target=0.01)
        low, high = estimate.interval(0.95)
        assert (high - low) / 2 <= 0.01 * abs(estimate.value)

    def test_gives_up_and_shows_it_by_the_width(self) -> None:
        estimate, _ = self.estimate(hessian(30, trace=0.0), target=0.01, max_probes=100)
        assert estimate.num_matvecs == 80
        low, high = estimate.interval(0.95)
        assert (high - low) / 2 > 0.01 * abs(estimate.value)

    def test_no_variance_stops_at_the_first_look(self) -> None:
        estimate, _ = self.estimate(torch.eye(4, dtype=F64), target=1e-6)
        assert (estimate.num_matvecs, estimate.value) == (FIRST_LOOK, 4.0)

    def test_a_laplacian_that_is_not_finite_stops_at_once(self) -> None:
        estimate, _ = self.estimate(torch.full((3, 3), math.nan, dtype=F64), target=0.01)
        assert math.isnan(estimate.value)
        assert estimate.num_matvecs == FIRST_LOOK

    def test_a_higher_level_takes_more_probes(self) -> None:
        h = hessian(30, trace=40.0)
        assert self.estimate(h, target=0.01, level=0.9999)[0].num_matvecs > self.estimate(h, target=0.01, level=0.5)[0].num_matvecs

    def test_coverage_whenever_the_drawing_stops(self) -> None:
        # The level is at least 95 % by a union bound over the looks. With N = 1,500 the fraction has deviation 0.56 %,
        # so it falls below 95 % − 4.9 · 0.56 % = 92.2 % with probability below 5e-7 if the level is just 95 %.
        replications = 1500
        h = hessian(40, trace=10.0)
        # Half-width wanted ≈ 1.3 standard deviations of a sample: the number of looks varies between replications.
        target = 0.45 * math.sqrt(probe_variance(h)) / 10.0
        covered, stops = 0, set()
        for seed in range(replications):
            estimate, _ = self.estimate(h, target=target, seed=seed)
            low, high = estimate.interval(0.95)
            covered += low <= 10.0 <= high
            stops.add(estimate.num_matvecs)
        assert len(stops) >= 3, f"stopping is not varied: {stops}"
        assert covered / replications >= 0.922, f"{covered} of {replications}"


def test_weight_decay_adds_no_noise() -> None:
    # vᵀ(λI)v = λd for signs: the samples of ΔF are those of ΔL plus a constant, so the decay is added exactly.
    h = hessian(12)
    v = np.stack([signs("theta", (12,), seed=0, index=k, like=h).numpy() for k in range(5)])
    assert (v * v).sum(1).tolist() == [12.0] * 5
    with_decay, without = quadratic(h, weight_decay=0.7), quadratic(h)
    a, b = (laplacian_estimate(ls, ls.initial, engine=DoubleBackward(), num_probes=10, seed=0) for ls in (with_decay, without))
    assert a == b
    assert with_decay.decay_laplacian == pytest.approx(12 * 0.7)
