from __future__ import annotations

import numpy as np
import pytest
import torch

from villani_verify import Landscape
from villani_verify.theory.langevin.gradients import ExactGradient
from villani_verify.theory.langevin.observables import Observables, observables_for
from villani_verify.theory.langevin.stability import curvature_at_start


def landscape(dimension: int) -> Landscape:
    return Landscape.from_function(lambda x: x.pow(4).sum() + x[0] * x[-1] + 1, dimension, weight_decay=0.7)


def functions(observables: Observables, gradient: ExactGradient, x: torch.Tensor) -> list[torch.Tensor]:
    theta = x.detach().requires_grad_()
    value = theta.pow(4).sum() + theta[0] * theta[-1] + 1 + 0.35 * theta.square().sum()
    return [theta, value, theta.square().sum(), *(a @ theta for a in observables.directions)]


@pytest.mark.parametrize(("dimension", "block"), [(2, 1 << 20), (20, 1 << 20), (20, 1), (20, 7)])
def test_values_and_products_of_gradients_against_autograd(dimension: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("villani_verify.theory.inner_products._BLOCK", block)
    subject = landscape(dimension)
    observables = observables_for(subject, curvature_at_start(subject), seed=3)
    gradient = ExactGradient(subject)
    states = torch.randn(6, 3, dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    records = np.stack([observables.record(s, *gradient(s, 0)) for s in states])
    p = len(observables.names)
    series, products = np.zeros((p, 3, 6)), np.zeros((3, p, p))
    for t in range(6):
        for m in range(3):
            theta, *values = functions(observables, gradient, states[t, m])
            slopes = torch.stack([torch.autograd.grad(v, theta, retain_graph=True)[0] for v in values])
            series[:, m, t] = [float(v) for v in values]
            products[m] += (slopes @ slopes.T).numpy() / 6
    np.testing.assert_allclose(observables.series(records), series, rtol=1e-12)
    np.testing.assert_allclose(observables.gradient_products(records), products, rtol=1e-10, atol=1e-10)


def test_small_landscapes_have_every_coordinate() -> None:
    found = observables_for(landscape(3), None)
    assert found.names == ("F", "‖θ‖²", "θ[0]", "θ[1]", "θ[2]")
    assert torch.equal(found.directions, torch.eye(3, dtype=torch.float64))


def test_large_ones_have_orthonormal_directions_and_the_softest_first() -> None:
    values = torch.linspace(1, 5, 20, dtype=torch.float64)
    subject = Landscape.from_function(lambda x: (values * x.square()).sum(), 20)
    found = observables_for(subject, curvature_at_start(subject), seed=1)
    torch.testing.assert_close(found.directions @ found.directions.T, torch.eye(8, dtype=torch.float64))
    assert abs(float(found.directions[0, 0])) == pytest.approx(1, abs=1e-5)
    assert found.names[2] == "softest direction"
    assert not torch.equal(found.directions, observables_for(subject, None, seed=2).directions)


def test_directions_of_a_large_model_are_narrow_and_their_products_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("villani_verify.theory.langevin.observables._MOST_BYTES", 8 * 8 * 20 - 1)
    subject = landscape(20).to(dtype=torch.float32)
    found = observables_for(subject, None, seed=4)
    assert found.directions.dtype == torch.float32
    wide = found.directions.double()
    torch.testing.assert_close(wide @ wide.T, torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-6)
    states = torch.randn(3, 20, generator=torch.Generator().manual_seed(1))
    records = found.record(states, torch.zeros(3, dtype=torch.float64), states)[None]
    np.testing.assert_allclose(found.gradient_products(records)[0, 2:, 2:], (wide @ wide.T).numpy(), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(found.series(records)[2:, :, 0].T, (states.double() @ wide.T).numpy(), rtol=1e-12, atol=1e-14)
