from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from villani_verify.theory.poincare.line import line_constant


def naive(masses: np.ndarray, conductances: np.ndarray) -> float:
    """The reciprocal of the gap of the chain's generator, from dense symmetric eigenvalues."""
    p = masses / masses.sum()
    c = conductances / masses.sum()
    laplacian = np.zeros((len(p), len(p)))
    for e, rate in enumerate(c):
        laplacian[e, e] += rate
        laplacian[e + 1, e + 1] += rate
        laplacian[e, e + 1] -= rate
        laplacian[e + 1, e] -= rate
    root = np.sqrt(p)
    return float(1 / np.linalg.eigvalsh(laplacian / np.outer(root, root))[1])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_against_dense_eigenvalues(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    masses, conductances = np.exp(rng.normal(0, 1.5, cells)), np.exp(rng.normal(0, 1.5, cells - 1))
    low, high = line_constant(np.log(masses), np.log(conductances))
    expected = naive(masses, conductances)
    assert low <= expected * (1 + 1e-9)
    assert expected <= high * (1 + 1e-9)
    assert high == pytest.approx(low, rel=2e-9)


def test_two_cells() -> None:
    # Var = p(1 − p)(Δu)² and the form is c(Δu)², so C = p(1 − p)/c.
    low, high = line_constant(np.log([1.0, 3.0]), np.log([0.5]))
    expected = 0.25 * 0.75 / (0.5 / 4)
    assert (low, high) == pytest.approx((expected, expected), rel=1e-12)


def test_masses_count_up_to_a_common_factor() -> None:
    rng = np.random.default_rng(1)
    masses, conductances = rng.normal(size=30), rng.normal(size=29)
    assert line_constant(masses + 5, conductances + 5) == pytest.approx(line_constant(masses, conductances), rel=1e-9)


def test_a_barrier_that_hides_the_gap_from_solvers() -> None:
    # Two cells of mass one half with a resistance of e^{200}: C = ¼ e^{200}; dense eigenvalues give rounding noise here.
    low, high = line_constant(np.zeros(4), np.array([0.0, -200.0, 0.0]))
    expected = 0.25 * 4 * math.exp(200)
    assert (low, high) == pytest.approx((expected, expected), rel=1e-6)
    assert abs(naive(np.ones(4), np.exp([0.0, -200.0, 0.0])) / expected - 1) > 0.5
