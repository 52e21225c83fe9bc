"""Univariate jets a(t) = Σ_{i ≤ k} a_i t^i of any order k: the series of a loss along one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from villani_verify.curvature.taylor.jet import Coefficient, Jet, ScalarSeries, value_of, zero_like


class UnivariateJet(Jet):
    """A truncated power series with tensor coefficients of one shape; None stands for zero.

    Zeros are kept apart because θ + t v has only two coefficients: a product with a weight matrix then costs two
    matrix products per coefficient and not k + 1.

    Attributes:
        coefficients: a_0 … a_k; a_0 is never None.
    """

    __slots__ = ("coefficients",)

    def __init__(self, coefficients: Sequence[Coefficient], order: int | None = None) -> None:
        """Take coefficients, expand them to the shape of a_0 and fill up with zeros to `order`."""
        leading = coefficients[0]
        assert leading is not None
        missing = 0 if order is None else order + 1 - len(coefficients)
        self.coefficients: list[Coefficient] = [
            c if c is None or c.shape == leading.shape else c.expand(leading.shape) for c in coefficients
        ] + [None] * missing

    @property
    def value(self) -> Tensor:
        """a_0, the value at t = 0."""
        leading = self.coefficients[0]
        assert leading is not None
        return leading

    @property
    def order(self) -> int:
        """k, the degree at which the series is cut."""
        return len(self.coefficients) - 1

    def affine(self, function: Callable[[Tensor], Tensor], linear_part: Callable[[Tensor], Tensor]) -> UnivariateJet:
        """Apply an affine map to a_0 and its linear part to the rest."""
        rest = [None if c is None else linear_part(c) for c in self.coefficients[1:]]
        return UnivariateJet([function(self.value), *rest])

    def compose(self, function: ScalarSeries) -> UnivariateJet:
        """Return f(a) for an elementwise f, by Horner's rule in u = a − a_0.

        u has no constant term, so the partial result that still awaits m factors u is needed to order k − m only.
        """
        outer = list(function(self.value, self.order))[: self.order + 1]
        outer += [None] * (self.order + 1 - len(outer))
        result: list[Coefficient] = [outer[-1]]
        for m in range(self.order - 1, -1, -1):
            result = [outer[m]] + [
                _convolve(torch.mul, self.coefficients, result, n, first=1) for n in range(1, self.order - m + 1)
            ]
        return UnivariateJet([torch.zeros_like(self.value) if result[0] is None else result[0], *result[1:]])

    def plus(self, other: UnivariateJet, alpha: float) -> UnivariateJet:
        """Return a + alpha·b."""
        return UnivariateJet([_plus(a, b, alpha) for a, b in zip(self.coefficients, other.coefficients, strict=True)])

    def times(self, function: Callable[[Any, Any], Tensor], other: UnivariateJet) -> UnivariateJet:
        """Return f(a, b) for a bilinear f, by the Cauchy product."""
        return UnivariateJet([_convolve(function, self.coefficients, other.coefficients, n) for n in range(self.order + 1)])

    @classmethod
    def joined(cls, function: Callable[..., Tensor], parts: Sequence[Any]) -> UnivariateJet:
        """Return f(a, b, …) for an f that is linear in all its parts jointly."""
        order = max(p.order for p in parts if isinstance(p, UnivariateJet))
        coefficients: list[Coefficient] = [function(*map(value_of, parts))]
        for i in range(1, order + 1):
            row = [p.coefficients[i] if isinstance(p, UnivariateJet) else None for p in parts]
            zero = all(c is None for c in row)
            parts_of_row = (zero_like(p) if c is None else c for p, c in zip(parts, row, strict=True))
            coefficients.append(None if zero else function(*parts_of_row))
        return UnivariateJet(coefficients)


def _convolve(
    function: Callable[[Any, Any], Tensor], left: Sequence[Coefficient], right: Sequence[Coefficient], n: int, first: int = 0
) -> Coefficient:
    """Σ f(a_i, b_{n−i}) over first ≤ i ≤ n; f returns a new tensor, so that the sum may be made in place."""
    total: Coefficient = None
    for i in range(first, n + 1):
        a, b = left[i], right[n - i]
        if a is None or b is None:
            continue
        if total is None:
            total = function(a, b)
        elif function is torch.mul and a.dtype == b.dtype == total.dtype:
            total.addcmul_(a, b)
        else:
            total.add_(function(a, b))
    return total


def _plus(a: Coefficient, b: Coefficient, alpha: float) -> Coefficient:
    if b is None:
        return a
    if a is None:
        return b if alpha == 1 else alpha * b
    return torch.add(a, b, alpha=alpha)
