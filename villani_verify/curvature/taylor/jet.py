"""What every kind of jet can do: the operations that the rules are written with.

A jet is the beginning of a power series in t whose coefficients are tensors, a(t) = a_0 + a_1 t + a_2 t² + …. There are two kinds:
`univariate` keeps orders 0 to k of one series, `collapsed` orders 0 to 2 of many at once. A rule uses only the operations
below, so it serves both:

* `linear`:    f linear               → f(a)_i = f(a_i)
* `product`:   f bilinear             → f(a, b)_n = Σ_{i+j=n} f(a_i, b_j)            (Cauchy product)
* `combine`:   f linear in all parts  → f(a, b, …)_i = f(a_i, b_i, …)
* `compose`:   f elementwise          → f(a) = Σ_m f_m (a − a_0)^m,  f_m = f^{(m)}(a_0)/m!
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor

Coefficient = Tensor | None
ScalarSeries = Callable[[Tensor, int], Sequence[Coefficient]]
"""(a_0, order) ↦ Taylor coefficients of a scalar function at every entry of a_0; may stop early when the rest is zero."""


class Jet(ABC):
    """A truncated power series with tensor coefficients of one shape."""

    __slots__ = ()

    @property
    @abstractmethod
    def value(self) -> Tensor:
        """a_0, the value at t = 0."""

    @abstractmethod
    def affine(self, function: Callable[[Tensor], Tensor], linear_part: Callable[[Tensor], Tensor]) -> Self:
        """Apply an affine map to a_0 and its linear part to the rest."""

    def linear(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Apply a linear map to each coefficient."""
        return self.affine(function, function)

    def look_up(self, places: Tensor, function: Callable[[Tensor], Tensor]) -> Self:
        """Apply a linear map that takes the rows at `places`."""
        return self.linear(function)

    @abstractmethod
    def compose(self, function: ScalarSeries) -> Self:
        """Return f(a) for an elementwise f."""

    @abstractmethod
    def plus(self, other: Self, alpha: float) -> Self:
        """Return a + alpha·b."""

    @abstractmethod
    def times(self, function: Callable[[Any, Any], Tensor], other: Self) -> Self:
        """Return f(a, b) for a bilinear f."""

    @classmethod
    @abstractmethod
    def joined(cls, function: Callable[..., Tensor], parts: Sequence[Any]) -> Self:
        """Return f(a, b, …) for an f that is linear in all its parts jointly, some of which may be constants."""


Value = Tensor | Jet | float | int


def product(function: Callable[[Any, Any], Tensor], left: Any, right: Any) -> Any:
    """Return f(a, b) for a bilinear f; either side may be a constant."""
    if not isinstance(left, Jet):
        return right.linear(lambda c: function(left, c)) if isinstance(right, Jet) else function(left, right)
    if not isinstance(right, Jet):
        return left.linear(lambda c: function(c, right))
    return left.times(function, right)


def add(left: Value, right: Value, alpha: float = 1) -> Any:
    """Return a + alpha·b; either side may be a constant."""
    if not isinstance(left, Jet) and not isinstance(right, Jet):
        return left + alpha * right
    if not isinstance(left, Jet):
        assert isinstance(right, Jet)
        return right.affine(lambda c: left + alpha * c, lambda c: c if alpha == 1 else alpha * c)
    if not isinstance(right, Jet):
        return left.affine(lambda c: c + alpha * right, lambda c: c)
    return left.plus(right, alpha)


def subtract(left: Value, right: Value) -> Any:
    """Return a − b."""
    return add(left, right, -1)


def multiply(left: Value, right: Value) -> Any:
    """Return the elementwise product a·b."""
    if isinstance(left, Jet) and isinstance(right, Jet):
        return product(torch.mul, left, right)
    return product(lambda a, b: a * b, left, right)


def combine(function: Callable[..., Tensor], *parts: Any) -> Any:
    """Return f(a, b, …) for an f that is linear in all its parts jointly; constants enter the first coefficient only."""
    kind = next(type(p) for p in parts if isinstance(p, Jet))
    return kind.joined(function, parts)


def value_of(x: Any) -> Any:
    """Return a_0 of a jet, and anything else as it is."""
    return x.value if isinstance(x, Jet) else x


def zero_like(part: Any) -> Any:
    """Return a zero that can stand for a coefficient of `part`."""
    leading = value_of(part)
    return torch.zeros_like(leading) if isinstance(leading, Tensor) else 0
