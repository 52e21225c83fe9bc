"""First-order coefficients that are made when something asks for them, those of parameters among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor, vmap

from villani_verify.curvature.addressed_probe import AddressedProbe
from villani_verify.curvature.probe_signs import PatternedSigns

# Stacks with more entries than this, all lines together, are made or worked on a portion at a time: 64 MiB in float32.
_MOST_STACKED = 1 << 24


class Deferred(ABC):
    """Coefficients of K lines, made once, if something asks for them."""

    __slots__ = ("_stacked",)

    def __init__(self) -> None:
        """Nothing is made yet."""
        self._stacked: Tensor | None = None

    @abstractmethod
    def map(self, function: Callable[[Tensor], Tensor]) -> Deferred:
        """Return the same with a linear map applied to each tensor."""

    @abstractmethod
    def _all(self) -> Tensor:
        """Make them."""

    def stacked(self) -> Tensor:
        """Return all of them, shape (K, …), and keep them."""
        if self._stacked is None:
            self._stacked = self._all()
        return self._stacked


class Later(Deferred):
    """What a function makes."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Tensor]) -> None:
        """Take what makes them, shape (K, …)."""
        super().__init__()
        self._make = make

    def map(self, function: Callable[[Tensor], Tensor]) -> Later:
        """Return the same with a linear map applied to each tensor."""
        return Later(lambda: vmap(function)(self.stacked()))

    def _all(self) -> Tensor:
        return self._make()


class Directions(Deferred):
    """The first-order coefficients of a parameter.

    Linear maps (a transpose before a matrix product) are kept and applied to what is made, so that of a large parameter only
    one tensor exists at a time.

    Attributes:
        probe: the signs.
        independent: whether the rows that were not looked up are independent of whatever they are multiplied with.
            Products then leave out terms of mean zero: only the expectation of second-order coefficients is kept.
        rounding: dtype to which the factors of matrix products with the parameter are rounded, where it is independent.
        products: name → the only product of values that the parameter appears in, where that is kept from pass to pass.
    """

    __slots__ = ("_function", "independent", "probe", "products", "rounding")

    def __init__(
        self,
        probe: AddressedProbe,
        *,
        independent: bool = False,
        rounding: torch.dtype | None = None,
        products: dict[str, Tensor] | None = None,
        function: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """Take the signs and a linear map that is applied to them."""
        super().__init__()
        self.probe = probe
        self.independent = independent
        self.rounding = rounding
        self.products = products
        self._function = function

    @property
    def count(self) -> int:
        """K."""
        return self.probe.count

    @property
    def large(self) -> bool:
        """Whether they are better made one at a time."""
        return self.count * self.probe.numbers > _MOST_STACKED

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Return the same with a linear map applied to each tensor."""
        inner = self._function
        both = function if inner is None else lambda c: function(inner(c))
        return type(self)(self.probe, independent=self.independent, rounding=self.rounding, products=self.products, function=both)

    def dependent(self) -> Directions:
        """Return the same, taken to depend on what they are multiplied with."""
        return Directions(self.probe, products=self.products, function=self._function)

    def look_up(self, places: Tensor) -> Tensor | None:
        """Return rows of the parameter's own signs, or None if a map stands before."""
        return self.probe.rows(places) if self._function is None else None

    def make(self, lines: range) -> Tensor:
        """Return the tensors of some lines, stacked."""
        drawn = self.probe.stacked(lines)
        return drawn if self._function is None else vmap(self._function)(drawn)

    def patterned(self, dtype: torch.dtype) -> PatternedSigns | None:
        """Return what the matrices are made of, if their signs have patterns and are at most transposed."""
        transposed = self._transposed()
        found = None if transposed is None else self.probe.patterned(dtype)
        return None if found is None else replace(found, transposed=bool(transposed))

    def _transposed(self) -> bool | None:
        """Say whether the map is the transpose of a matrix, and not the identity; None if it is anything else."""
        shape = self.probe.shape
        if len(shape) != 2:
            return None
        if self._function is None:
            return False
        template = torch.empty(shape, device="meta")
        try:
            made = self._function(template)
        except (NotImplementedError, RuntimeError):  # the map needs numbers
            return None
        # A view of a matrix is the matrix that its strides say.
        if not torch._C._is_alias_of(made, template):  # type: ignore[attr-defined]
            return None
        layouts = {(tuple(shape), template.stride()): False, (tuple(template.T.shape), template.T.stride()): True}
        return layouts.get((tuple(made.shape), made.stride()))

    def _all(self) -> Tensor:
        if self.large:
            return torch.cat([self.make(range(k, k + 1)) for k in range(self.count)])
        return self.make(range(self.count))


def portions(stack: Tensor) -> list[range]:
    """Cut the lines of a stack into as few portions as have at most `_MOST_STACKED` numbers, or one line."""
    each = max(1, _MOST_STACKED * len(stack) // max(1, stack.numel()))
    return [range(start, min(start + each, len(stack))) for start in range(0, len(stack), each)]
