from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from villani_verify.curvature.taylor.analytic import exp, log, sin
from villani_verify.curvature.taylor.jet import add, combine, multiply, product, subtract
from villani_verify.curvature.taylor.univariate import UnivariateJet as Jet


def _jet(*coefficients: float | None) -> Jet:
    return Jet([None if c is None else torch.tensor([c], dtype=torch.float64) for c in coefficients])


def _numbers(jet: Jet) -> list[float]:
    return [0.0 if c is None else c.item() for c in jet.coefficients]


def test_cauchy_product_of_polynomials() -> None:
    # (1 + 2t)(3 + t²) = 3 + 6t + t² + 2t³
    assert _numbers(multiply(_jet(1, 2, None, None), _jet(3, None, 1, None))) == [3, 6, 1, 2]


def test_zero_coefficients_stay_none() -> None:
    result = multiply(_jet(1, 2, None, None, None), _jet(3, 4, None, None, None))
    assert [c is None for c in result.coefficients] == [False, False, False, True, True]


def test_sums_with_constants() -> None:
    jet = _jet(1, 2, 3)
    assert _numbers(add(5, jet, 2)) == [7, 4, 6]
    assert _numbers(subtract(5, jet)) == [4, -2, -3]
    assert _numbers(add(jet, torch.tensor([1.0], dtype=torch.float64))) == [2, 2, 3]
    assert add(1.0, 2.0) == 3.0


def test_coefficients_take_the_shape_of_the_value() -> None:
    column = Jet([torch.zeros(3, 1), torch.ones(3, 1), None])
    result = add(column, torch.zeros(4))
    assert [None if c is None else tuple(c.shape) for c in result.coefficients] == [(3, 4), (3, 4), None]


def test_fill_to_order() -> None:
    assert Jet([torch.zeros(2), torch.ones(2)], 4).order == 4


def test_matrix_product_uses_each_pair_once() -> None:
    calls = []

    def counted(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return a @ b

    x = Jet([torch.randn(2, 3)] * 6)
    w = Jet([torch.randn(3, 2), torch.randn(3, 2)], 5)
    product(counted, x, w)
    assert len(calls) == 2 * 6 - 1  # not the 21 of two full series


@settings(max_examples=40, deadline=None)
@given(a=st.lists(st.floats(-1, 1), min_size=7, max_size=7), b=st.lists(st.floats(-1, 1), min_size=7, max_size=7))
def test_identities(a: list[float], b: list[float]) -> None:
    x, y = _jet(*a), _jet(*b)
    # e^{x+y} = e^x e^y; log(e^x) = x; sin(2x) = 2 sin x cos x.
    left, right = add(x, y).compose(exp), multiply(x.compose(exp), y.compose(exp))
    assert _numbers(left) == pytest.approx(_numbers(right), rel=1e-11, abs=1e-11)
    assert _numbers(x.compose(exp).compose(log)) == pytest.approx(a, rel=1e-9, abs=1e-9)
    shifted = add(x, math.pi / 2)
    double = multiply(2, multiply(x.compose(sin), shifted.compose(sin)))
    assert _numbers(multiply(2, x).compose(sin)) == pytest.approx(_numbers(double), rel=1e-10, abs=1e-10)


def test_combine_of_a_jet_and_a_constant() -> None:
    joined = combine(lambda *parts: torch.cat(parts), _jet(1, 2, None), torch.tensor([7.0], dtype=torch.float64))
    assert [None if c is None else c.tolist() for c in joined.coefficients] == [[1, 7], [2, 0], None]


def test_geometric_series() -> None:
    # 1/(1 − t) = e^{−log(1 − t)}, to order 8.
    x = _jet(1, -1, *[None] * 7)
    assert _numbers(multiply(-1, x.compose(log)).compose(exp)) == pytest.approx([1.0] * 9, rel=1e-12)
