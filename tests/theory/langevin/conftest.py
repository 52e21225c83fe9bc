"""Chains of which everything is known: autoregressions, quadratics, and how often an interval may miss."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from scipy.stats import binom

from villani_verify import Landscape
from villani_verify.theory.langevin.observables import Observables
from villani_verify.theory.langevin.predictions import QuadraticChain
from villani_verify.theory.langevin.settings import ChainSettings
from villani_verify.theory.langevin.trajectories import Trajectories


@pytest.fixture
def check_coverage() -> Callable[[int, int], None]:
    """Return a check that intervals said to cover 95 % cover 93 to 97 %; it fails by chance once in 10,000 times at most."""

    def check(hits: int, total: int) -> None:
        assert total >= 500
        low, high = binom.ppf(5e-5, total, 0.93), binom.ppf(1 - 5e-5, total, 0.97)
        assert low <= hits <= high, f"{hits} of {total}, not between {low} and {high}"

    return check


@pytest.fixture
def autoregression() -> Callable[..., np.ndarray]:
    """Return a function that draws stationary series of variance 1 and autocorrelation qᵏ."""

    def draw(
        generator: np.random.Generator, shape: tuple[int, ...], length: int, q: float, first: float | None = None
    ) -> np.ndarray:
        start = generator.standard_normal((*shape, 1)) if first is None else np.full((*shape, 1), first)
        noise = generator.standard_normal((*shape, length)) * math.sqrt(1 - q * q)
        return lfilter([1], [1, -q], noise, axis=-1, zi=q * start)[0]

    return draw


@pytest.fixture
def quadratic_trajectories(autoregression: Callable[..., np.ndarray]) -> Callable[..., Trajectories]:
    """Return a function that draws the stationary chain of F = λ|θ|²/2 without the code that is tested."""

    def draw(generator: np.random.Generator, chain: QuadraticChain, chains: int, records: int) -> Trajectories:
        d = chain.dimension
        unit = autoregression(generator, (chains, d), records, chain.factor)
        states = torch.from_numpy(np.ascontiguousarray((unit * math.sqrt(chain.variance)).transpose(2, 0, 1))).reshape(-1, d)
        observables = Observables(("F", "‖θ‖²", *(f"θ[{i}]" for i in range(d))), torch.eye(d, dtype=torch.float64))
        values = chain.weight_decay / 2 * (states**2).sum(1)
        found = observables.record(states, values, chain.weight_decay * states).reshape(records, chains, -1)
        settings = ChainSettings(chain.temperature, chain.step_size, chains, records - 1)
        return Trajectories(settings, observables, found, states[-chains:])

    return draw


def flat(dimension: int, weight_decay: float) -> Landscape:
    """L = 0, so that F is the decay alone."""
    return Landscape.from_function(lambda x: 0 * x.sum(), dimension, weight_decay=weight_decay, name="flat")


def double_well(weight_decay: float = 0.1) -> Landscape:
    return Landscape.from_function(
        lambda x: 0.25 * (x.square() - 1).square().sum(), 1, weight_decay=weight_decay, name="double well"
    )


@pytest.fixture(name="flat")
def _flat() -> Callable[[int, float], Landscape]:
    return flat


@pytest.fixture(name="double_well")
def _double_well() -> Callable[..., Landscape]:
    return double_well
