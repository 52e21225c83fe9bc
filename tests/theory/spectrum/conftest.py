from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import binom, ortho_group
from torch import Tensor

from villani_verify.theory.spectrum.lanczos import lanczos
from villani_verify.theory.spectrum.point_spectrum import PointSpectrum
from villani_verify.theory.spectrum.ritz import Ritz, ritz_values


class DenseOperator:
    """A matrix that is there; a diagonal one is given as a vector."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix
        self.dimension = len(matrix)
        self.num_matvecs = 0

    def products(self, vectors: Tensor) -> Tensor:
        self.num_matvecs += len(vectors)
        return vectors * self.matrix if self.matrix.dim() == 1 else vectors @ self.matrix


@pytest.fixture
def dense_operator() -> type[DenseOperator]:
    return DenseOperator


@pytest.fixture
def rotated() -> Callable[..., Tensor]:
    """Return a function that makes a full matrix with given eigenvalues."""

    def make(eigenvalues: np.ndarray, seed: int = 0) -> Tensor:
        q = ortho_group.rvs(len(eigenvalues), random_state=seed)
        return torch.from_numpy((q * eigenvalues) @ q.T)

    return make


@pytest.fixture
def normal_starts() -> Callable[..., Tensor]:
    return lambda count, dimension, seed: torch.from_numpy(np.random.default_rng(seed).normal(size=(count, dimension)))


@pytest.fixture
def replicated(normal_starts: Callable[..., Tensor]) -> Callable[..., list[tuple[Ritz, ...]]]:
    """Return a function that runs Lanczos on a diagonal matrix from K starts, many times over, in one go."""

    def run(eigenvalues: np.ndarray, *, replications: int, count: int, steps: int, seed: int) -> list[tuple[Ritz, ...]]:
        starts = normal_starts(replications * count, len(eigenvalues), seed)
        runs = [ritz_values(t) for t in lanczos(DenseOperator(torch.from_numpy(eigenvalues)), starts, steps)]
        return [tuple(runs[i : i + count]) for i in range(0, len(runs), count)]

    return run


@pytest.fixture
def spectrum_of() -> Callable[..., PointSpectrum]:
    """Return a function that makes a spectrum of runs on a matrix, without a landscape."""

    def make(runs: tuple[Ritz, ...], dimension: int, *, shift: float = 0.0) -> PointSpectrum:
        forms = tuple(float(r.weights @ r.values) for r in runs)
        return PointSpectrum(1.0, dimension, runs, shift, True, shift, forms, 0, 0.0, "full")

    return make


@pytest.fixture
def fewest_hits() -> Callable[..., int]:
    """Return a function: the fewest of n intervals that cover, but for an error probability, if each covers at `level`."""
    return lambda n, level, error=1e-5: int(binom.ppf(error, n, level))
