from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import eigh_tridiagonal

from villani_verify import Landscape
from villani_verify.theory.langevin.chains import run_chains
from villani_verify.theory.langevin.observables import observables_for
from villani_verify.theory.langevin.predictions import QuadraticChain
from villani_verify.theory.langevin.settings import ChainSettings
from villani_verify.theory.langevin.spectral_gap import LaggedMoments, SpectralGap, choose_combination, log_rate_of, spectral_gap
from villani_verify.theory.langevin.trajectories import Trajectories


def naive_moments(series: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Covariances about the common mean of all pairs, by a loop over them."""
    pairs = [(x[:, t], x[:, t + lag]) for x in series.transpose(1, 0, 2) for t in range(x.shape[1] - lag)]
    mean = np.mean([(a + b) / 2 for a, b in pairs], 0)
    instant = np.mean([np.outer(x - mean, x - mean) for pair in pairs for x in pair], 0)
    lagged = np.mean([np.outer(a - mean, b - mean) + np.outer(b - mean, a - mean) for a, b in pairs], 0) / 2
    return instant, lagged


@pytest.mark.parametrize("lag", [0, 1, 4])
def test_moments_against_a_loop_over_pairs(lag: int) -> None:
    series = np.random.default_rng(0).standard_normal((3, 4, 12)) + 2
    found = LaggedMoments.of(series, lag).covariances(np.full(4, 0.25))
    for matrix, expected in zip(found, naive_moments(series, lag), strict=True):
        np.testing.assert_allclose(matrix, expected, atol=1e-12)
    without = LaggedMoments.of(series, lag).covariances(np.array([1, 1, 0, 1]) / 3)
    for matrix, expected in zip(without, naive_moments(series[:, [0, 1, 3]], lag), strict=True):
        np.testing.assert_allclose(matrix, expected, atol=1e-12)


def test_the_slow_one_is_found_in_a_mixture(autoregression: Callable[..., np.ndarray]) -> None:
    generator = np.random.default_rng(1)
    slow, fast = (autoregression(generator, (20,), 3000, q) for q in (0.95, 0.5))
    series = np.stack([slow + fast, slow - 2 * fast, 3 * slow - fast])  # the third is a combination of the others
    series /= series.std((1, 2), keepdims=True)
    chosen = choose_combination(series)
    assert chosen is not None
    combination, lag = chosen
    assert 15 <= lag <= 26  # about 1/(1 − 0.95) = 20
    values = np.tensordot(combination, series, 1)
    assert abs(np.corrcoef(values.reshape(-1), slow.reshape(-1))[0, 1]) > 0.995


def test_coverage_of_the_slowest_rate(autoregression: Callable[..., np.ndarray], check_coverage: Callable[..., None]) -> None:
    generator, hits, q = np.random.default_rng(2), 0, 0.8
    for _ in range(500):
        series = autoregression(generator, (2, 20), 600, q)
        chosen = choose_combination(series[:, ::2])
        assert chosen is not None
        found = log_rate_of(LaggedMoments.of(series[:, 1::2], chosen[1]), chosen[0], chosen[1], 0.95)
        hits += found is not None and found.contains(math.log(-math.log(q)))
    check_coverage(hits, 500)


def test_too_slow_for_the_chains(autoregression: Callable[..., np.ndarray]) -> None:
    assert choose_combination(autoregression(np.random.default_rng(3), (1, 10), 100, 0.99)) is None


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [1, 3])
def test_coverage_of_every_number(
    dimension: int, quadratic_trajectories: Callable[..., Trajectories], check_coverage: Callable[..., None]
) -> None:
    chain = QuadraticChain(2.0, 0.5, 0.1, dimension)
    generator = np.random.default_rng(4)
    truths = {"poincare": chain.poincare, "rayleigh": chain.variance, "rate": chain.rate}
    own = {"F": 2 * chain.rate, "‖θ‖²": 2 * chain.rate, "θ[0]": chain.rate}
    hits, own_hits = dict.fromkeys(truths, 0), dict.fromkeys(own, 0)
    total = 0
    while total < 500:
        found = spectral_gap(quadratic_trajectories(generator, chain, 20, 2000), burn_in=0)
        if found.reason:
            continue  # split-R̂ stops one run in some hundred
        total += 1
        for name, truth in truths.items():
            hits[name] += getattr(found, name).contains(truth)
        for name, truth in own.items():
            own_hits[name] += found.observable_rates[name].contains(truth)
    for count in (*hits.values(), *own_hits.values()):
        check_coverage(count, total)


@pytest.mark.parametrize("dimension", [1, 10])
def test_quadratic_chains(dimension: int, quadratic_trajectories: Callable[..., Trajectories]) -> None:
    chain = QuadraticChain(0.5, 3.0, 0.2, dimension)
    # Eight numbers at 99.99 %: less than one false alarm in a thousand.
    found = spectral_gap(quadratic_trajectories(np.random.default_rng(5), chain, 20, 4000), burn_in=0, level=0.9999)
    assert found.reason == ""
    assert found.poincare.contains(chain.poincare)
    assert found.rayleigh.contains(chain.variance)
    assert found.rate.contains(chain.rate)
    assert found.rate.value * found.poincare.value == pytest.approx(1.5)
    for name in ("F", "‖θ‖²"):
        assert found.observable_rates[name].contains(2 * chain.rate)
    assert found.observable_rates["θ[0]"].contains(chain.rate)
    assert found.poincare.interval[1] / found.poincare.interval[0] < 1.7
    shown = found.as_dict(0.2)
    assert shown["poincare"]["is_lower_bound"] is True
    assert shown["poincare"]["interval"] == list(found.poincare.interval)


def test_the_chains_that_choose_do_not_decide(autoregression: Callable[..., np.ndarray]) -> None:
    # Even chains forget with 0.8 and odd ones with 0.5, about the same measure, so that the diagnostics see nothing.
    generator = np.random.default_rng(8)
    states = np.empty((20, 3000))
    states[::2], states[1::2] = (autoregression(generator, (10,), 3000, q) for q in (0.8, 0.5))
    found = observables_for(Landscape.from_function(lambda x: x.sum(), 1), None)
    theta = torch.from_numpy(states.T.copy()).reshape(-1, 1)
    records = found.record(theta, theta.square().sum(1) / 2, theta).reshape(3000, 20, -1)
    run = Trajectories(ChainSettings(2.0, 0.5, 20, 2999), found, records, theta[-20:])
    gap = spectral_gap(run, burn_in=0, level=0.999)
    assert gap.rate is not None
    assert gap.rate.contains(-math.log(0.5) / 0.5)
    assert not gap.rate.contains(-math.log(0.8) / 0.5)


def test_chains_that_have_not_mixed_give_no_constant(quadratic_trajectories: Callable[..., Trajectories]) -> None:
    found = spectral_gap(quadratic_trajectories(np.random.default_rng(6), QuadraticChain(0.5, 3.0, 0.01), 20, 500), burn_in=0)
    assert found == SpectralGap(found.mixing, found.reason)
    assert found.reason.startswith("not mixed: split-R̂")
    shown = found.as_dict(0.01)
    assert [shown[name] for name in ("poincare", "rayleigh", "slowest_rate", "observable_rates")] == [None] * 4


def test_mini_batches_leave_out_what_their_noise_would_change(quadratic_trajectories: Callable[..., Trajectories]) -> None:
    run = quadratic_trajectories(np.random.default_rng(7), QuadraticChain(0.5, 3.0, 0.2, 2), 20, 3000)
    found = spectral_gap(replace(run, settings=replace(run.settings, batch=1)), burn_in=0)
    assert found.rayleigh is None
    assert "F" not in found.combination


# The double well F = ¼(x² − 1)² + 0.05 x² in one dimension: its constant by finite volumes, and that of the discretised chain by
# the eigenvalues of its transition operator.
TEMPERATURE, STEP = 0.8, 0.1


def potential(x: np.ndarray) -> np.ndarray:
    return 0.25 * (x * x - 1) ** 2 + 0.05 * x * x


def finite_volume_constant(cells: int = 4001, edge: float = 4.0) -> float:
    """1/gap of −∇·(μ∇f)/μ with μ = exp(−2F/s), no flux through the ends."""
    x = np.linspace(-edge, edge, cells)
    width = x[1] - x[0]
    weight = np.exp(-2 * potential(x) / TEMPERATURE)
    flux = np.exp(-2 * potential((x[1:] + x[:-1]) / 2) / TEMPERATURE) / width**2
    diagonal = (np.append(flux, 0) + np.insert(flux, 0, 0)) / weight
    beside = -flux / np.sqrt(weight[1:] * weight[:-1])
    return 1 / eigh_tridiagonal(diagonal, beside, select="i", select_range=(1, 1))[0][0]


def transition_rate(step: float, points: int = 600, edge: float = 4.0) -> float:
    """−log of the second eigenvalue of the chain's kernel N(x − ηF′(x), ηs), over η."""
    x = np.linspace(-edge, edge, points)
    mean = x - step * (x * (x * x - 1) + 0.1 * x)
    kernel = np.exp(-((x[None] - mean[:, None]) ** 2) / (2 * step * TEMPERATURE))
    kernel /= kernel.sum(1, keepdims=True)
    values = np.sort(np.abs(np.linalg.eigvals(kernel)))
    assert values[-1] == pytest.approx(1)
    return -math.log(values[-2]) / step


def test_the_two_references_agree_as_the_step_shrinks() -> None:
    exact = finite_volume_constant()
    assert finite_volume_constant(2001) == pytest.approx(exact, rel=1e-5)
    errors = [TEMPERATURE / 2 / transition_rate(step) - exact for step in (0.1, 0.05)]
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.3)
    assert abs(2 * errors[1] - errors[0]) < 0.01 * exact


def test_the_rate_of_a_double_well(double_well: Callable[..., Landscape]) -> None:
    landscape = double_well()
    settings = ChainSettings(TEMPERATURE, STEP, 48, 5000, seed=2, start="mixed")
    run = run_chains(landscape, settings, observables_for(landscape, None))
    found = spectral_gap(run, burn_in=500, level=0.999)
    assert found.reason == ""
    assert found.rate.contains(transition_rate(STEP))
    assert found.rate.interval[1] / found.rate.interval[0] < 1.5
    # No combination of θ, ‖θ‖² and F is the slowest function, and the measure is the discretised one, so this is below.
    assert 0.5 * finite_volume_constant() < found.rayleigh.value < 1.05 * finite_volume_constant()
