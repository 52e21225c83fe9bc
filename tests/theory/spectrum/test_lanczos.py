from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import eigvalsh_tridiagonal

from villani_verify.theory.spectrum.lanczos import lanczos
from villani_verify.theory.spectrum.ritz import ritz_values

EIGENVALUES = np.concatenate([np.linspace(-1, 1, 37), [5.0, 8.0, -9.0]])


class Diagonal:
    """An operator that hypothesis may use, which takes no fixtures of one test."""

    def __init__(self, eigenvalues: torch.Tensor) -> None:
        self.eigenvalues = eigenvalues
        self.dimension = len(eigenvalues)

    def products(self, vectors: torch.Tensor) -> torch.Tensor:
        return vectors * self.eigenvalues


def naive(matrix: np.ndarray, start: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Gram-Schmidt on the Krylov vectors one by one, and α and β read off the projected matrix."""
    basis = [start / np.linalg.norm(start)]
    for _ in range(steps):
        w = matrix @ basis[-1]
        for _ in range(3):
            for v in basis:
                w = w - (v @ w) * v
        basis.append(w / np.linalg.norm(w))
    projected = np.array([[v @ matrix @ w for w in basis] for v in basis])
    return np.diag(projected)[:steps], np.diag(projected, 1)


def test_against_a_naive_version(dense_operator, rotated, normal_starts) -> None:
    matrix, starts = rotated(EIGENVALUES), normal_starts(3, 40, 1)
    for found, start in zip(lanczos(dense_operator(matrix), starts, 12), starts, strict=True):
        alpha, beta = naive(matrix.numpy(), start.numpy(), 12)
        np.testing.assert_allclose(found.diagonal, alpha, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.off_diagonal, beta, rtol=0, atol=1e-12)
        assert found.start_norm_squared == pytest.approx(float(start @ start), rel=1e-14)
        assert not found.exhausted


@pytest.mark.parametrize("block", [1, 7, 39, 40])
def test_sums_over_blocks_are_those_of_the_rows(block: int, normal_starts, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, starts = Diagonal(torch.from_numpy(EIGENVALUES)), normal_starts(2, 40, 3)
    whole = lanczos(operator, starts, 6)
    monkeypatch.setattr("villani_verify.theory.inner_products._BLOCK", block)
    for found, expected in zip(lanczos(operator, starts, 6), whole, strict=True):
        np.testing.assert_allclose(found.diagonal, expected.diagonal, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.off_diagonal, expected.off_diagonal, rtol=0, atol=1e-12)
        assert found.start_norm_squared == pytest.approx(expected.start_norm_squared, rel=1e-14)


@pytest.mark.parametrize("reorthogonalise", [True, False])
def test_what_float32_cannot_hold_is_no_error_of_another_kind(reorthogonalise: bool, normal_starts) -> None:
    # Every product of A = 1e36 · 1 1ᵀ is finite, and α of a start that is nearly parallel to 1 is not.
    dimension = 10_000

    class Ones:
        def __init__(self) -> None:
            self.dimension = dimension

        def products(self, vectors: torch.Tensor) -> torch.Tensor:
            return (1e36 * vectors.sum(1, keepdim=True)).expand_as(vectors).clone()

    starts = 1 + 0.01 * normal_starts(2, dimension, 0).float()
    (found, _) = lanczos(Ones(), starts, 2, reorthogonalise=reorthogonalise)
    assert found.diagonal[0] > torch.finfo(torch.float32).max


def test_starts_are_left_as_they_are(normal_starts) -> None:
    starts = normal_starts(2, 40, 3)
    before = starts.clone()
    lanczos(Diagonal(torch.from_numpy(EIGENVALUES)), starts, 6)
    assert torch.equal(starts, before)


def test_all_steps_give_all_eigenvalues(dense_operator, rotated, normal_starts) -> None:
    operator = dense_operator(rotated(EIGENVALUES))
    for found in lanczos(operator, normal_starts(2, 40, 2), 40):
        assert found.exhausted
        assert found.off_diagonal[-1] == 0
        values = eigvalsh_tridiagonal(found.diagonal, found.off_diagonal[:-1])
        np.testing.assert_allclose(values, np.sort(EIGENVALUES), rtol=0, atol=1e-12)
    assert operator.num_matvecs == 80


@pytest.mark.parametrize("distinct", [1, 2, 3])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_an_invariant_subspace_ends_the_run(distinct: int, scale: float, normal_starts) -> None:
    values = scale * np.array([-1.5, 0.5, 2.0])[:distinct]
    operator = Diagonal(torch.from_numpy(np.tile(values, 7)))
    (found,) = lanczos(operator, normal_starts(1, operator.dimension, 0), 7)
    assert found.exhausted
    assert found.steps == distinct
    assert found.off_diagonal[-1] == 0
    ritz = eigvalsh_tridiagonal(found.diagonal, found.off_diagonal[:-1])
    np.testing.assert_allclose(ritz, values, rtol=0, atol=1e-13 * scale)


@given(st.integers(1, 6), st.integers(0, 10**6), st.floats(1e-6, 1e6))
def test_few_distinct_eigenvalues_are_all_found_whether_or_not_rounding_hides_the_end(
    distinct: int, seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    values = scale * (np.arange(distinct) - 1.5)
    eigenvalues = torch.from_numpy(np.concatenate([values, rng.choice(values, 20)]))
    (found,) = lanczos(Diagonal(eigenvalues), torch.from_numpy(rng.normal(size=(1, len(eigenvalues)))), 12)
    ritz = ritz_values(found)
    distance = np.abs(ritz.values[:, None] - values)
    assert distance.min(0).max() < 1e-7 * scale
    # What comes after a missed end has no weight.
    assert ritz.weights[distance.min(1) > 1e-7 * scale].sum() < 1e-15


def test_a_run_that_ended_does_not_stop_the_others(dense_operator, rotated, normal_starts) -> None:
    matrix = rotated(EIGENVALUES)
    starts = normal_starts(2, 40, 3)
    starts[0] = torch.linalg.eigh(matrix).eigenvectors[:, 5]
    first, second = lanczos(dense_operator(matrix), starts, 10)
    alone = lanczos(dense_operator(matrix), starts[1:], 10)[0]
    # An eigenvector is one to rounding: the run ends at once, or goes on into directions of no weight.
    assert abs(first.diagonal[0] - np.sort(EIGENVALUES)[5]) < 1e-12
    np.testing.assert_allclose(second.diagonal, alone.diagonal, rtol=0, atol=1e-12)
    np.testing.assert_allclose(second.off_diagonal, alone.off_diagonal, rtol=0, atol=1e-12)


def test_the_zero_matrix_is_exhausted_at_once(dense_operator, normal_starts) -> None:
    for found in lanczos(dense_operator(torch.zeros(5, dtype=torch.float64)), normal_starts(2, 5, 0), 4):
        assert found.exhausted
        assert found.diagonal.tolist() == [0.0]


def test_without_reorthogonalisation_copies_appear_and_two_vectors_are_kept(dense_operator, rotated, normal_starts) -> None:
    matrix = rotated(np.concatenate([np.linspace(0, 1, 97), [3.0, 10.0, 30.0]]))
    starts = normal_starts(1, 100, 4)
    plain, full = (lanczos(dense_operator(matrix), starts, 60, reorthogonalise=r)[0] for r in (False, True))
    count = {r: int((eigvalsh_tridiagonal(t.diagonal, t.off_diagonal[:-1]) > 20).sum()) for r, t in ((0, plain), (1, full))}
    assert count[1] == 1
    assert count[0] > 1
    np.testing.assert_allclose(plain.diagonal[:5], full.diagonal[:5], rtol=0, atol=1e-10)


def test_coefficients_are_float64_and_rounding_is_of_the_vectors(dense_operator, rotated, normal_starts) -> None:
    matrix, starts = rotated(EIGENVALUES), normal_starts(1, 40, 5)
    (double,) = lanczos(dense_operator(matrix), starts, 20)
    (single,) = lanczos(dense_operator(matrix.float()), starts.float(), 20)
    assert single.diagonal.dtype == single.off_diagonal.dtype == np.float64
    assert double.rounding < 1e-11
    assert 1e-5 < single.rounding < 1e-2
    ends = eigvalsh_tridiagonal(single.diagonal, single.off_diagonal[:-1])[[0, -1]]
    np.testing.assert_allclose(ends, [-9.0, 8.0], rtol=0, atol=single.rounding)


def test_products_that_are_not_symmetric_show_in_the_rounding(dense_operator, rotated, normal_starts) -> None:
    matrix = rotated(EIGENVALUES)
    noise = torch.from_numpy(np.random.default_rng(6).normal(size=(40, 40)))
    (found,) = lanczos(dense_operator(matrix + 1e-6 * noise), normal_starts(1, 40, 7), 20)
    # The part of the noise above the diagonal has 20²/2 entries of 1e-6, and counts for both sides.
    assert 5e-6 < found.rounding < 5e-5


def test_each_step_is_told(dense_operator, normal_starts) -> None:
    told = []
    lanczos(dense_operator(torch.arange(9.0).double()), normal_starts(3, 9, 0), 4, on_step=lambda: told.append(1))
    assert len(told) == 4
