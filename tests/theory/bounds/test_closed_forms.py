"""Each bound where its value is known without it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from villani_verify.errors import RequestError
from villani_verify.theory.bounds.bakry_emery import bakry_emery
from villani_verify.theory.bounds.bound import ConditionStatus, Inequality, exponential
from villani_verify.theory.bounds.das_dutta import das_dutta
from villani_verify.theory.bounds.holley_stroock import holley_stroock
from villani_verify.theory.bounds.lyapunov import lyapunov
from villani_verify.theory.gibbs import Gibbs


@pytest.mark.parametrize(
    ("dimension", "decay", "temperature", "expected"),
    [(1, 1.0, 2.0, 2.0), (1, 0.1, 2.0, 110.0), (100, 0.5, 2.0, 402.0), (1, 1.0, 1.0, 0.75), (10**18, 1.0, 2.0, 1e18 + 1)],
)
def test_das_and_dutta(dimension, decay, temperature, expected) -> None:
    bound = das_dutta(Gibbs(dimension, decay, temperature))
    assert bound.value == pytest.approx(expected)
    assert bound.inequality is Inequality.LOG_SOBOLEV
    assert bound.applies
    assert [c.status for c in bound.conditions] == [ConditionStatus.NOT_CHECKED]


@pytest.mark.parametrize("gibbs", [Gibbs(10**300, 1e-10), Gibbs(1, 1e-200), Gibbs(10**400, 1.0)])
def test_das_and_dutta_beyond_floats(gibbs) -> None:
    with pytest.raises(RequestError, match="exceeds the range of float64"):
        das_dutta(gibbs)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_of_a_gaussian_all_but_das_and_duttas_are_exact(decay: float, temperature: float) -> None:
    gibbs = Gibbs(7, decay, temperature)
    constant = temperature / (2 * decay)
    assert bakry_emery(gibbs, decay, "everywhere").value == pytest.approx(constant)
    assert holley_stroock(gibbs, 0.0, "as given", ConditionStatus.HOLDS).value == pytest.approx(constant)
    assert das_dutta(gibbs).value >= constant


def test_bakry_and_emery() -> None:
    gibbs = Gibbs(2, 0.1, 0.5)
    assert bakry_emery(gibbs, 0.25, "at one point").value == pytest.approx(1.0)
    for eigenvalue in (0.0, -1.0):
        fails = bakry_emery(gibbs, eigenvalue, "at one point")
        assert (fails.value, fails.applies) == (None, False)
        assert fails.conditions[0].status is ConditionStatus.FAILS
        assert "at one point" in fails.conditions[0].evidence
    unknown = bakry_emery(gibbs, None, "")
    assert (unknown.value, unknown.applies, unknown.conditions[0].status) == (None, False, ConditionStatus.NOT_CHECKED)


def test_holley_and_stroock() -> None:
    gibbs = Gibbs(2, 0.1, 0.5)
    assert holley_stroock(gibbs, 3.0, "as given", ConditionStatus.HOLDS).value == pytest.approx(math.exp(12) / 0.4)
    assert holley_stroock(gibbs, None, "", ConditionStatus.NOT_CHECKED).value is None
    far = holley_stroock(gibbs, 1000.0, "as given", ConditionStatus.HOLDS)
    assert far.value is None
    assert "exceeds 1e308" in far.conditions[0].evidence
    assert holley_stroock(Gibbs(1, 1e-5), 709.0, "as given", ConditionStatus.HOLDS).value is None


def test_exponential_of_what_is_too_large() -> None:
    assert exponential(0.0) == 1.0
    assert exponential(709.0) == math.exp(709.0)
    assert exponential(800.0) is None


def line(half_width: float = 6.0, cells: int = 400) -> np.ndarray:
    return ((np.arange(cells) + 0.5) * (2 * half_width / cells) - half_width)[:, None]


def naive_lyapunov(x: np.ndarray, decay: float, s: float) -> float:
    """The definition, for F = λx²/2: Ψ_s/s = λ²x²/s² − λ/s; every symmetric interval B."""
    rates = decay**2 * x**2 / s**2 - decay / s
    width = x.max() - x.min()
    cell = width / (len(x) - 1)
    best = math.inf
    for share in np.linspace(0.02, 1.0, 99):
        inside = np.abs(x - x[np.argmin(x**2)]) <= share * (x.max() - x[np.argmin(x**2)])
        if inside.all() or not (rates[~inside] > 0).all():
            continue
        least = rates[~inside].min()
        uniform = (share * width + cell) ** 2 / math.pi**2 * math.exp(2 / s * np.ptp(decay * x[inside] ** 2 / 2))
        best = min(best, (1 + (least - rates[inside].min()) * min(uniform, s / (2 * decay))) / least)
    return best


@settings(deadline=None, max_examples=30)
@given(st.floats(0.3, 3), st.floats(0.3, 3))
def test_lyapunov_of_a_gaussian_is_its_definition_and_above_the_constant(decay: float, temperature: float) -> None:
    x = line(6.0 * math.sqrt(temperature / (2 * decay)))
    values = decay * x[:, 0] ** 2 / 2
    psi = decay**2 * x[:, 0] ** 2 / temperature - decay
    bound = lyapunov(Gibbs(1, decay, temperature), x, np.zeros(len(x)), values, psi, walls_rise=True)
    assert bound.value == pytest.approx(naive_lyapunov(x[:, 0], decay, temperature), rel=0.03)
    assert bound.value >= temperature / (2 * decay)
    assert bound.inequality is Inequality.POINCARE


def test_lyapunov_without_growth_has_no_value() -> None:
    x = line()
    values = x[:, 0] ** 2 / 2
    bound = lyapunov(Gibbs(1, 1.0), x, np.zeros(len(x)), values, -np.ones(len(x)), walls_rise=True)
    assert (bound.value, bound.applies) == (None, False)
    assert bound.conditions[0].status is ConditionStatus.FAILS


def test_lyapunov_needs_walls_that_rise() -> None:
    x = line()
    values = x[:, 0] ** 2 / 2
    psi = x[:, 0] ** 2 / 2 - 1
    bound = lyapunov(Gibbs(1, 1.0), x, np.zeros(len(x)), values, psi, walls_rise=False)
    assert (bound.value, bound.applies) == (None, False)
    assert bound.conditions[1].status is ConditionStatus.FAILS
