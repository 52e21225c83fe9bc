from __future__ import annotations

import pytest

from villani_verify.theory.langevin.predictions import QuadraticChain, rate_of


def test_the_convention() -> None:
    # s = 2 and L = 0: C_P = 1/λ, and θ forgets at the rate λ.
    assert rate_of(1 / 0.3, 2.0) == pytest.approx(0.3)


@pytest.mark.parametrize(("weight_decay", "temperature", "step_size"), [(1.0, 2.0, 0.1), (0.2, 0.5, 3.0), (5.0, 1e-3, 0.3)])
def test_the_stationary_variance_solves_the_recursion(weight_decay: float, temperature: float, step_size: float) -> None:
    chain = QuadraticChain(weight_decay, temperature, step_size, 4)
    variance = 0.0
    for _ in range(2000):
        variance = (1 - step_size * weight_decay) ** 2 * variance + step_size * temperature
    assert chain.variance == pytest.approx(variance)
    assert chain.limit == pytest.approx(4 * weight_decay * variance / 2)


def test_the_limit_of_small_steps() -> None:
    chain = QuadraticChain(0.7, 0.3, 1e-7, 5)
    assert chain.variance == pytest.approx(0.3 / 1.4, rel=1e-6)
    assert chain.limit == pytest.approx(5 * 0.3 / 4, rel=1e-6)
    assert chain.rate == pytest.approx(0.7, rel=1e-6)
    assert chain.poincare == pytest.approx(0.3 / 1.4, rel=1e-6)
