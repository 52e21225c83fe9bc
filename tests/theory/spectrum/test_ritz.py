from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import eigvalsh_tridiagonal

from villani_verify.theory.spectrum.lanczos import Tridiagonal, lanczos
from villani_verify.theory.spectrum.ritz import ghosts, ritz_values

EIGENVALUES = np.concatenate([np.linspace(-1, 1, 57), [2.0, 3.0, -2.5]])


@pytest.mark.parametrize("steps", [1, 2, 5, 9])
def test_the_quadrature_is_exact_up_to_degree_2k_minus_1_and_not_beyond(steps, dense_operator, normal_starts) -> None:
    start = normal_starts(1, 60, 0)
    run = ritz_values(lanczos(dense_operator(torch.from_numpy(EIGENVALUES)), start, steps)[0])
    masses = (start[0].numpy() ** 2) / run.start_norm_squared
    assert run.weights.sum() == pytest.approx(1, abs=1e-13)
    for degree in range(2 * steps):
        assert run.weights @ run.values**degree == pytest.approx(masses @ EIGENVALUES**degree, abs=1e-11 * 3**degree)
    missed = run.weights @ run.values ** (2 * steps) - masses @ EIGENVALUES ** (2 * steps)
    assert abs(missed) > 1e-6


def test_residuals_are_those_of_the_ritz_vectors(dense_operator, rotated, normal_starts) -> None:
    matrix, start, steps = rotated(EIGENVALUES), normal_starts(1, 60, 1), 15
    run = ritz_values(lanczos(dense_operator(matrix), start, steps)[0])
    # The Krylov space by a QR decomposition that knows nothing of Lanczos, and Rayleigh-Ritz on it.
    vectors = [start[0].numpy()]
    for _ in range(steps - 1):
        vectors.append(matrix.numpy() @ (vectors[-1] / np.linalg.norm(vectors[-1])))
    basis = np.linalg.qr(np.array(vectors).T)[0]
    values, inner = np.linalg.eigh(basis.T @ matrix.numpy() @ basis)
    residuals = np.linalg.norm(matrix.numpy() @ basis @ inner - basis @ inner * values, axis=0)
    np.testing.assert_allclose(run.values, values, rtol=0, atol=1e-6)
    np.testing.assert_allclose(run.residuals, residuals, rtol=0, atol=1e-5)
    distance = np.abs(run.values[:, None] - EIGENVALUES).min(1)
    assert (distance <= run.residuals + 1e-12).all()


def test_the_next_polynomial_makes_the_next_vector(dense_operator, normal_starts) -> None:
    start = normal_starts(1, 60, 2)
    run = ritz_values(lanczos(dense_operator(torch.from_numpy(EIGENVALUES)), start, 6)[0])
    p = np.exp([run.log_next_polynomial(x) for x in EIGENVALUES])
    masses = start[0].numpy() ** 2 / run.start_norm_squared
    assert masses @ p**2 == pytest.approx(1, rel=1e-10)


def test_a_shift_moves_values_alone(dense_operator, normal_starts) -> None:
    start = normal_starts(1, 60, 3)
    here, there = (ritz_values(lanczos(dense_operator(torch.from_numpy(EIGENVALUES + shift)), start, 8)[0]) for shift in (0.0, 7.0))
    moved = here.shifted(7.0)
    np.testing.assert_allclose(moved.values, there.values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(moved.weights, there.weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(moved.residuals, there.residuals, rtol=0, atol=1e-12)


def test_ghosts_are_found_and_only_those(dense_operator, rotated, normal_starts) -> None:
    eigenvalues = np.concatenate([np.linspace(0, 1, 97), [3.0, 10.0, 30.0]])
    starts = normal_starts(4, 100, 4)
    matrix = rotated(eigenvalues)
    for t in lanczos(dense_operator(matrix), starts, 90, reorthogonalise=False):
        run = ritz_values(t, orthogonal=False)
        kept = run.values[~run.ghost]
        assert run.ghost.any()
        for outlier in (3.0, 10.0, 30.0):
            assert (np.abs(kept - outlier) < 1e-9).sum() == 1
            assert (np.abs(run.values - outlier) < 1e-9).sum() > 1
    for t in lanczos(dense_operator(matrix), starts, 60):
        assert not ritz_values(t).ghost.any()
        assert not ghosts(t, ritz_values(t).values).any()


def test_a_single_eigenvalue_that_the_start_does_not_see_is_spurious() -> None:
    # T decouples to rounding after the first row, so 5 belongs to the block that v_1 does not touch.
    t = Tridiagonal(np.array([1.0, 5.0]), np.array([1e-16, 0.3]), 1.0, False, 1e-13)
    values = eigvalsh_tridiagonal(t.diagonal, t.off_diagonal[:-1])
    assert ghosts(t, values).tolist() == [False, True]
    assert ghosts(Tridiagonal(np.array([1.0]), np.array([0.3]), 1.0, False, 1e-13), np.array([1.0])).tolist() == [False]
