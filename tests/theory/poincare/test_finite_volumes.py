from __future__ import annotations

import numpy as np
import pytest

from villani_verify.theory.poincare.finite_volumes import at_walls, rayleigh_quotient, symmetric_operator


def potential(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1.0, shape)


@pytest.mark.parametrize("shape", [(7,), (5, 6), (4, 3, 5)])
def test_the_operator_is_symmetric_with_the_root_of_the_density_as_its_kernel(shape) -> None:
    u, h = potential(shape), np.array([0.3, 0.2, 0.5])[: len(shape)]
    matrix = symmetric_operator(u, h).toarray()
    assert np.allclose(matrix, matrix.T, rtol=0, atol=1e-12)
    assert np.abs(matrix @ np.exp(-u.ravel() / 2)).max() < 1e-10 * np.abs(matrix).max()
    assert np.linalg.eigvalsh(matrix)[1] > 0


@pytest.mark.parametrize("shape", [(7,), (5, 6), (4, 3, 5)])
def test_the_quotient_of_any_vector_is_that_of_the_operator(shape) -> None:
    u, h = potential(shape), np.array([0.3, 0.2, 0.5])[: len(shape)]
    vector = np.random.default_rng(3).normal(size=u.size)
    expected = vector @ (symmetric_operator(u, h) @ vector) / (vector @ vector)
    assert rayleigh_quotient(u, h, vector) == pytest.approx(expected, rel=1e-10)


def test_walls_of_a_cubic_are_exact_but_for_the_ends() -> None:
    x = np.arange(8.0)
    walls = at_walls(x**3 - 2 * x, 0)
    between = x[:-1] + 0.5
    assert np.allclose(walls[1:-1], (between**3 - 2 * between)[1:-1], rtol=0, atol=1e-12)
    assert walls[0] == pytest.approx(-0.5)
    assert at_walls(np.outer(x, np.ones(3)), 0).shape == (7, 3)
    assert at_walls(np.outer(np.ones(3), x), 1)[0] == pytest.approx(between)
