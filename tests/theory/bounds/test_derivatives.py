from __future__ import annotations

import numpy as np
import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import LandscapeError
from villani_verify.theory.bounds.derivatives import derivatives_at


def loss(x: torch.Tensor) -> torch.Tensor:
    return x[0] ** 2 * x[1] ** 2 + torch.cos(x[0]) + 1


def closed_form(x: float, y: float, lam: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    gradient = np.array([2 * x * y**2 - np.sin(x) + lam[0] * x, 2 * x**2 * y + lam[1] * y])
    second = np.array([[2 * y**2 - np.cos(x) + lam[0], 4 * x * y], [4 * x * y, 2 * x**2 + lam[1]]])
    return gradient, second


POINTS = np.array([[0.3, -1.2], [2.0, 0.5], [0.0, 0.0]])


def branching(x: torch.Tensor) -> torch.Tensor:
    return loss(x) if float(x[0]) > -100 else 0 * x.sum()


@pytest.mark.parametrize("function", [loss, branching])
def test_closed_form(function) -> None:
    landscape = Landscape.from_function(function, 2, weight_decay={"a": 0.1, "b": 0.3}, blocks={"a": 1, "b": 1})
    found = derivatives_at(landscape, POINTS)
    for k, point in enumerate(POINTS):
        gradient, second = closed_form(*point, (0.1, 0.3))
        assert found.gradient[k] == pytest.approx(gradient, abs=1e-12)
        assert found.hessian[k] == pytest.approx(second, abs=1e-12)
        eigenvalues = np.linalg.eigvalsh(second)
        assert found.smallest[k] == pytest.approx(eigenvalues[0], abs=1e-12)
        assert found.largest[k] == pytest.approx(np.abs(eigenvalues).max(), abs=1e-12)
        assert found.psi(0.5)[k] == pytest.approx(gradient @ gradient / 0.5 - np.trace(second), abs=1e-11)


def test_batches_count_by_their_terms() -> None:
    torch.manual_seed(0)
    module = torch.nn.Linear(2, 1, bias=False).double()
    x, y = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 1, dtype=torch.float64)
    whole = Landscape.from_module(module, torch.nn.functional.mse_loss, [(x, y)], weight_decay=0.1)
    parts = Landscape.from_module(module, torch.nn.functional.mse_loss, [(x[:4], y[:4]), (x[4:], y[4:])], weight_decay=0.1)
    assert derivatives_at(parts, POINTS).hessian == pytest.approx(derivatives_at(whole, POINTS).hessian, rel=1e-12)
    assert derivatives_at(parts, POINTS).gradient == pytest.approx(derivatives_at(whole, POINTS).gradient, rel=1e-12)


def test_derivatives_that_are_not_finite_are_an_error_with_their_place() -> None:
    # |x|^1.5 is differentiable at 0 once: its second derivative there is infinite.
    landscape = Landscape.from_function(lambda x: x.abs().sqrt().pow(3).sum(), 2, weight_decay=1.0, name="sharp")
    with pytest.raises(LandscapeError, match=r"^derivatives of landscape 'sharp' at \[0.5, 0.0\]: they are not finite; mend"):
        derivatives_at(landscape, np.array([[1.0, 2.0], [0.5, 0.0]]))
