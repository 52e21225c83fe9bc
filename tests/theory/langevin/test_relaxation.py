from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from villani_verify.theory.langevin.relaxation import fit_relaxation

TIMES = 0.5 * np.arange(120)


@pytest.mark.parametrize("amplitude", [3.0, -0.2])
@pytest.mark.parametrize("rate", [0.05, 0.3, 1.5])
def test_an_exponential_without_noise_is_recovered(rate: float, amplitude: float) -> None:
    noise = 1e-9 * np.random.default_rng(0).standard_normal((10, 120))
    found = fit_relaxation(TIMES, 2 + amplitude * np.exp(-rate * TIMES) + noise)
    assert found.reason == ""
    assert found.rate.value == pytest.approx(rate, rel=1e-5)
    assert found.limit.value == pytest.approx(2, rel=1e-6)
    assert found.amplitude.value == pytest.approx(amplitude, rel=1e-5)
    assert found.unexplained < 1e-5


def test_two_rates_are_not_explained_by_one() -> None:
    curve = np.exp(-2 * TIMES) + np.exp(-0.05 * TIMES)
    found = fit_relaxation(TIMES, curve + 1e-6 * np.random.default_rng(1).standard_normal((10, 120)))
    assert found.unexplained > 0.02


def test_coverage_for_a_quadratic(autoregression: Callable[..., np.ndarray], check_coverage: Callable[..., None]) -> None:
    # Σ θ² of three coordinates from 3: its mean is 3 + 3 · 8 q^{2k}.
    generator, q, hits = np.random.default_rng(2), 0.9, [0, 0, 0]
    for _ in range(500):
        values = (autoregression(generator, (3, 10), 90, q, first=3.0) ** 2).sum(0)
        found = fit_relaxation(np.arange(90), values)
        assert found.reason == ""
        truths = (-2 * math.log(q), 3.0, 24 * q * q)
        hits = [h + m.contains(t) for h, m, t in zip(hits, (found.rate, found.limit, found.amplitude), truths, strict=True)]
    for count in hits:
        check_coverage(count, 500)


@pytest.mark.parametrize("kind", ["constant", "noise", "line", "one chain"])
def test_no_rate_where_there_is_no_decay(kind: str) -> None:
    generator = np.random.default_rng(3)
    values = {
        "constant": np.ones((10, 120)),
        "noise": generator.standard_normal((10, 120)),
        "line": TIMES + 1e-6 * generator.standard_normal((10, 120)),
        "one chain": np.exp(-TIMES)[None],
    }[kind]
    found = fit_relaxation(TIMES, values)
    assert found.rate is None
    assert found.reason
    assert found.as_dict()["rate"] is None
