"""The algebra of truncated power series a(t) = Σ_{i ≤ k} a_i t^i whose coefficients are tensors.

Every rule is written with four operations, so that another kind of jet needs only these four:

* `linear`:    f linear               → f(a)_i = f(a_i)
* `product`:   f bilinear             → f(a, b)_n = Σ_{i+j=n} f(a_i, b_j)            (Cauchy product)
* `combine`:   f linear in all parts  → f(a, b, …)_i = f(a_i, b_i, …)
* `compose`:   f elementwise          → f(a) = Σ_m f_m (a − a_0)^m,  f_m = f^{(m)}(a_0)/m!
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Coefficient = Tensor | None
ScalarSeries = Callable[[Tensor, int], Sequence[Coefficient]]
"""(a_0, order) ↦ Taylor coefficients of a scalar function at every entry of a_0; may stop early when the rest is zero."""


class Jet:
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

    def linear(self, function: Callable[[Tensor], Tensor]) -> Jet:
        """Apply a linear map to each coefficient."""
        return Jet([None if c is None else function(c) for c in self.coefficients])

    def affine(self, function: Callable[[Tensor], Tensor], linear_part: Callable[[Tensor], Tensor]) -> Jet:
        """Apply an affine map to a_0 and its linear part to the rest."""
        rest = [None if c is None else linear_part(c) for c in self.coefficients[1:]]
        return Jet([function(self.value), *rest])

    def compose(self, function: ScalarSeries) -> Jet:
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
        return Jet([torch.zeros_like(self.value) if result[0] is None else result[0], *result[1:]])


Value = Tensor | Jet | float | int


def product(function: Callable[[Any, Any], Tensor], left: Any, right: Any) -> Any:
    """Return f(a, b) for a bilinear f; either side may be a constant."""
    if not isinstance(left, Jet):
        return right.linear(lambda c: function(left, c)) if isinstance(right, Jet) else function(left, right)
    if not isinstance(right, Jet):
        return left.linear(lambda c: function(c, right))
    return Jet([_convolve(function, left.coefficients, right.coefficients, n) for n in range(left.order + 1)])


def add(left: Value, right: Value, alpha: float = 1) -> Any:
    """Return a + alpha·b; either side may be a constant."""
    if not isinstance(left, Jet) and not isinstance(right, Jet):
        return left + alpha * right
    if not isinstance(left, Jet):
        assert isinstance(right, Jet)
        return right.affine(lambda c: left + alpha * c, lambda c: c if alpha == 1 else alpha * c)
    if not isinstance(right, Jet):
        return left.affine(lambda c: c + alpha * right, lambda c: c)
    return Jet([_plus(a, b, alpha) for a, b in zip(left.coefficients, right.coefficients, strict=True)])


def subtract(left: Value, right: Value) -> Any:
    """Return a − b."""
    return add(left, right, -1)


def multiply(left: Value, right: Value) -> Any:
    """Return the elementwise product a·b."""
    if isinstance(left, Jet) and isinstance(right, Jet):
        return product(torch.mul, left, right)
    return product(lambda a, b: a * b, left, right)


def combine(function: Callable[..., Tensor], *parts: Any) -> Jet:
    """Return f(a, b, …) for an f that is linear in all its parts jointly; constants enter the first coefficient only."""
    order = max(p.order for p in parts if isinstance(p, Jet))
    coefficients: list[Coefficient] = [function(*(p.value if isinstance(p, Jet) else p for p in parts))]
    for i in range(1, order + 1):
        row = [p.coefficients[i] if isinstance(p, Jet) else None for p in parts]
        zero = all(c is None for c in row)
        coefficients.append(None if zero else function(*(_zero(p) if c is None else c for p, c in zip(parts, row, strict=True))))
    return Jet(coefficients)


def value_of(x: Any) -> Any:
    """Return a_0 of a jet, and anything else as it is."""
    return x.value if isinstance(x, Jet) else x


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


def _zero(part: Any) -> Any:
    leading = value_of(part)
    return torch.zeros_like(leading) if isinstance(leading, Tensor) else 0
