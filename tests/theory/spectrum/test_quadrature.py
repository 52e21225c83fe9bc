from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from villani_verify.theory.spectrum.lanczos import lanczos
from villani_verify.theory.spectrum.quadrature import gaussian, local_error, mass_below, polynomial_error
from villani_verify.theory.spectrum.ritz import Ritz, ritz_values


class Diagonal:
    """An operator that hypothesis may use, which takes no fixtures of one test."""

    def __init__(self, eigenvalues: np.ndarray) -> None:
        self.eigenvalues = torch.from_numpy(eigenvalues)
        self.dimension = len(eigenvalues)

    def products(self, vectors: torch.Tensor) -> torch.Tensor:
        return vectors * self.eigenvalues


def drawn(seed: int, steps: int) -> tuple[np.ndarray, np.ndarray, Ritz]:
    """Eigenvalues in clusters and outliers, the masses of a start, and its quadrature."""
    rng = np.random.default_rng(seed)
    eigenvalues = np.sort(rng.normal(size=50) * 10.0 ** rng.integers(-3, 2, size=50))
    start = torch.from_numpy(rng.normal(size=(1, 50)))
    run = ritz_values(lanczos(Diagonal(eigenvalues), start, steps)[0])
    return eigenvalues, start[0].numpy() ** 2 / run.start_norm_squared, run


@given(st.integers(0, 10**9), st.integers(1, 20))
def test_mass_lies_within_its_bounds_everywhere(seed: int, steps: int) -> None:
    eigenvalues, masses, run = drawn(seed, steps)
    x = np.sort(np.concatenate([eigenvalues, run.values, (eigenvalues[1:] + eigenvalues[:-1]) / 2, [-1e9, 1e9]]))
    truth = np.array([masses[eigenvalues <= t].sum() for t in x])
    value, low, high = mass_below(run, x)
    assert (low <= truth + 1e-9).all()
    assert (truth <= high + 1e-9).all()
    assert (low <= value).all()
    assert (value <= high).all()
    assert (np.diff(low) >= 0).all()


@given(st.integers(0, 10**9), st.integers(1, 20), st.floats(0.01, 10))
def test_the_error_for_a_gaussian_lies_within_both_bounds(seed: int, steps: int, width: float) -> None:
    eigenvalues, masses, run = drawn(seed, steps)
    ends = (float(eigenvalues[0]), float(eigenvalues[-1]))
    x = np.linspace(ends[0] - 2 * width, ends[1] + 2 * width, 41)
    error = abs((gaussian(run.values - x[:, None], width) @ run.weights) - (gaussian(eigenvalues - x[:, None], width) @ masses))
    room = 1e-9 / width
    assert (error <= local_error(run, x, width, ends) + room).all()
    assert (error <= polynomial_error(2 * steps - 1, x, width, ends) + room).all()


def test_the_polynomial_bound_falls_to_rounding_and_is_not_far_from_the_best() -> None:
    x, ends, width = np.array([0.3]), (-1.0, 1.0), 0.2
    bounds = [polynomial_error(degree, x, width, ends)[0] for degree in (1, 5, 11, 21, 41)]
    assert all(b < a for a, b in pairwise(bounds))
    assert bounds[-1] < 1e-10
    # Least squares on a fine grid is no better than the best polynomial, and nearly as good.
    t = np.cos(np.linspace(0, np.pi, 2001))
    f = gaussian(t - 0.3, width)
    fit = np.polynomial.chebyshev.Chebyshev.fit(t, f, 11, domain=[-1, 1])
    assert 2 * abs(fit(t) - f).max() <= 1.2 * bounds[2]
    assert bounds[2] <= 5 * 2 * abs(fit(t) - f).max()


def test_a_kernel_too_narrow_for_polynomials_has_no_bound_of_that_kind() -> None:
    assert polynomial_error(9, np.zeros(2), 1e-6, (-1.0, 1.0)).tolist() == [np.inf, np.inf]
    assert polynomial_error(9, np.zeros(2), 1e-6, (1.0, 1.0)).tolist() == [0, 0]


def test_an_exhausted_run_is_the_measure_itself() -> None:
    eigenvalues = np.repeat([-1.0, 0.0, 3.0], 4)
    start = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 12)))
    run = ritz_values(lanczos(Diagonal(eigenvalues), start, 6)[0])
    assert run.exhausted
    masses = start[0].numpy() ** 2 / run.start_norm_squared
    x = np.array([-2.0, -0.5, 1.0, 4.0])
    truth = [masses[eigenvalues <= t].sum() for t in x]
    for found in mass_below(run, x):
        np.testing.assert_allclose(found, truth, atol=1e-12)
    at = mass_below(run, np.array([0.0]))
    assert at[1] == pytest.approx(truth[1], abs=1e-12)
    assert at[2] == pytest.approx(truth[2], abs=1e-12)
    assert local_error(run, x, 0.1, (-1.0, 3.0)).tolist() == [0, 0, 0, 0]
