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
from villani_verify.estimation.hutchinson import laplacian_estimate
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


def test_weight_decay_adds_no_noise() -> None:
    # vᵀ(λI)v = λd for signs: the samples of ΔF are those of ΔL plus a constant, so the decay is added exactly.
    h = hessian(12)
    v = np.stack([signs("theta", (12,), seed=0, index=k, like=h).numpy() for k in range(5)])
    assert (v * v).sum(1).tolist() == [12.0] * 5
    with_decay, without = quadratic(h, weight_decay=0.7), quadratic(h)
    a, b = (laplacian_estimate(ls, ls.initial, engine=DoubleBackward(), num_probes=10, seed=0) for ls in (with_decay, without))
    assert a == b
    assert with_decay.decay_laplacian == pytest.approx(12 * 0.7)
