from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from villani_verify.errors import RequestError
from villani_verify.theory.pac_bayes.binary_kl import binary_kl
from villani_verify.theory.pac_bayes.inequalities import (
    BETAS,
    INEQUALITIES,
    MAIN,
    catoni,
    catoni_best,
    maurer_seeger,
    mcallester,
)

LOSSES, DIVERGENCES, SIZES, DELTAS = st.floats(0, 1), st.floats(0, 1e5), st.integers(8, 10**6), st.floats(1e-6, 0.5)


@given(st.floats(0.01, 0.9), st.floats(0, 100), st.integers(100, 10**6), DELTAS)
def test_maurer_seeger_solves_its_equation(loss: float, divergence: float, n: int, delta: float) -> None:
    bound = maurer_seeger(loss, divergence, n, delta)
    if bound < 1 - 1e-9:
        assert n * binary_kl(loss, bound) == pytest.approx(divergence + math.log(2 * math.sqrt(n) / delta), rel=1e-6)


@given(LOSSES, DIVERGENCES, SIZES, DELTAS)
def test_pinsker_orders_mcallester_above_maurer_seeger(loss: float, divergence: float, n: int, delta: float) -> None:
    assert mcallester(loss, divergence, n, delta) >= maurer_seeger(loss, divergence, n, delta) - 1e-12


@given(LOSSES, DIVERGENCES, SIZES, DELTAS, st.floats(1, 3))
@pytest.mark.parametrize("name", INEQUALITIES)
def test_bounds_rise_with_what_is_bad(name: str, loss: float, divergence: float, n: int, delta: float, factor: float) -> None:
    bound = INEQUALITIES[name]
    here = bound(loss, divergence, n, delta)
    assert here >= loss - 1e-12
    assert bound(min(1, loss * factor), divergence, n, delta) >= here - 1e-12
    assert bound(loss, divergence * factor, n, delta) >= here - 1e-12
    assert bound(loss, divergence, n, delta / factor) >= here - 1e-12


@pytest.mark.parametrize("n", [8, 9, 20, 100, 1000])
def test_maurer_s_constant(n: int) -> None:
    # E exp(n kl(k/n‖p)) = Σ C(n,k)(k/n)^k(1−k/n)^(n−k) for a coin, whatever p is: exactly what ln(2√n/δ) replaces.
    k = np.arange(n + 1)
    exact = binom.pmf(k, n, k / n).sum()
    assert math.sqrt(n) <= exact <= 2 * math.sqrt(n)


def test_known_values() -> None:
    # 1 − e^(−c) at loss 0, c = (KL + ln(2√n/δ))/n.
    c = (3 + math.log(2 * math.sqrt(50) / 0.05)) / 50
    assert maurer_seeger(0, 3, 50, 0.05) == pytest.approx(-math.expm1(-c), rel=1e-13)
    assert mcallester(0.1, 3, 50, 0.05) == pytest.approx(0.1 + math.sqrt(c / 2), rel=1e-13)
    assert catoni(0.1, 3, 50, 0.05, 2.0) == pytest.approx(
        (1 - math.exp(-2 * 0.1 - (3 + math.log(20)) / 50)) / (1 - math.exp(-2)), rel=1e-13
    )


def test_catoni_s_grid_is_paid_for() -> None:
    best = min(BETAS, key=lambda beta: catoni(0.1, 3, 500, 0.05, beta))
    free = catoni(0.1, 3, 500, 0.05, best)
    assert catoni_best(0.1, 3, 500, 0.05) > free
    assert catoni_best(0.1, 3, 500, 0.05) == pytest.approx(
        min(catoni(0.1, 3 + math.log(len(BETAS)), 500, 0.05, beta) for beta in BETAS), rel=1e-13
    )


@pytest.mark.parametrize("loss", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("divergence", [0.0, 30.0, 300.0])
def test_catoni_s_grid_is_dense_enough(loss: float, divergence: float) -> None:
    fine = min(catoni(loss, divergence, 1000, 0.05, beta) for beta in np.geomspace(1e-3, 30, 400))
    assert catoni_best(loss, divergence, 1000, 0.05) <= fine + 0.02


@given(LOSSES, DIVERGENCES, SIZES, DELTAS)
def test_no_catoni_beats_the_relative_entropy_without_its_logarithm(loss: float, divergence: float, n: int, delta: float) -> None:
    # sup over β of Catoni's exponents is n kl: so each β is above the inverse of kl at (KL + ln(1/δ))/n.
    from villani_verify.theory.pac_bayes.binary_kl import kl_inverse_upper

    least = kl_inverse_upper(loss, (divergence - math.log(delta)) / n)
    assert all(catoni(loss, divergence, n, delta, beta) >= least - 1e-9 for beta in BETAS)


@pytest.mark.parametrize("name", INEQUALITIES)
@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((0.1, 1.0, 7, 0.1), ("7 sequences", "at least 8")),
        ((0.1, 1.0, 100, 0.0), ("delta 0.0", "strictly between 0 and 1")),
        ((0.1, 1.0, 100, 1.0), ("delta 1.0",)),
        ((0.1, math.inf, 100, 0.1), ("divergence inf", "finite")),
        ((0.1, -1.0, 100, 0.1), ("divergence -1.0",)),
        ((0.1, math.nan, 100, 0.1), ("divergence nan",)),
    ],
)
def test_arguments_out_of_range(name: str, arguments: tuple, parts: tuple[str, ...]) -> None:
    with pytest.raises(RequestError) as caught:
        INEQUALITIES[name](*arguments)
    assert all(part in str(caught.value) for part in parts)


@pytest.mark.parametrize("beta", [0.0, -1.0, math.inf, math.nan])
def test_catoni_s_beta_out_of_range(beta: float) -> None:
    with pytest.raises(RequestError, match="β"):
        catoni(0.1, 1.0, 100, 0.1, beta)


def test_certificates_are_read_from_one_inequality() -> None:
    assert INEQUALITIES[MAIN] is maurer_seeger
