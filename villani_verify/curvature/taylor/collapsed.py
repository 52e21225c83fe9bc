"""Collapsed jets: the second-order series of a loss along K lines θ + t v_k at once, second orders summed.

    a_0            the value, which all lines share
    a_1[k]         first-order coefficient along line k
    a_2[g]         Σ of the second-order coefficients over the lines of group g

The second-order coefficient of every operation is linear in those of its arguments and quadratic in the first-order ones,

    f(a)_2 = f₁ a_2 + f₂ Σ_k a_1[k]²,      (a b)_2 = a_2 b_0 + a_0 b_2 + Σ_k a_1[k] b_1[k],

so the sum over a group can be carried instead of its terms (collapsed Taylor mode: Dangel, Siebert, Zeinhofer and Walther
2025). A linear layer x Wᵀ then costs three matrix products a line, x_1 Wᵀ, x_0 Vᵀ and x_1 Vᵀ, and two more a group or pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, vmap

from villani_verify.curvature.addressed_probe import AddressedProbe
from villani_verify.curvature.probe_signs import PatternedSigns
from villani_verify.curvature.taylor.directions import Deferred, Directions, Later, portions
from villani_verify.curvature.taylor.jet import Jet, ScalarSeries, value_of, zero_like
from villani_verify.curvature.taylor.rounded_product import rows_times_matrix
from villani_verify.curvature.taylor.sources import Columns, PatternedProducts, Source, Squares
from villani_verify.curvature.taylor.table import matrix_product


class CollapsedJet(Jet):
    """Second-order series along K lines in G groups of equal size.

    Attributes:
        value: a_0, of shape S.
        first: a_1, of shape (K, *S), or not yet made.
        second: (G, *S), the sums of a_2 over each group; None for zero.
        stored_second: the same, perhaps in a compact form.
        groups: `G`.
    """

    __slots__ = ("_value", "first", "groups", "stored_second")

    def __init__(self, value: Tensor, first: Tensor | Deferred, second: Tensor | Source | None, groups: int) -> None:
        """Take the coefficients and expand them to the shape of the value."""
        self._value = value
        self.first = first if isinstance(first, Deferred) else _expanded(first, value.shape)
        self.stored_second = _expanded(second, value.shape) if isinstance(second, Tensor) else second
        self.groups = groups

    @property
    def value(self) -> Tensor:
        """a_0."""
        return self._value

    @property
    def tangents(self) -> Tensor:
        """a_1 as one tensor."""
        return self.first.stacked() if isinstance(self.first, Deferred) else self.first

    @property
    def second(self) -> Tensor | None:
        """The sums of a_2 as one tensor."""
        stored = self.stored_second
        if stored is not None and not isinstance(stored, Tensor):
            self.stored_second = stored = stored.dense(self.value.shape)
        return stored

    def affine(self, function: Callable[[Tensor], Tensor], linear_part: Callable[[Tensor], Tensor]) -> CollapsedJet:
        """Apply an affine map to a_0 and its linear part to the rest."""
        each = vmap(linear_part)
        first = self.first.map(linear_part) if isinstance(self.first, Deferred) else each(self.first)
        second = self.second
        return CollapsedJet(function(self.value), first, None if second is None else each(second), self.groups)

    def sourceless(self, *, independent: bool) -> CollapsedJet:
        """Return the same without a_2, and unless `independent` with directions that count as dependent from here on."""
        first = self.first
        if isinstance(first, Directions) and not independent:
            first = first.dependent()
        return CollapsedJet(self.value, first, None, self.groups)

    def compose(self, function: ScalarSeries) -> CollapsedJet:
        """Return f(a): f_0, f_1 a_1 and f_1 a_2 + f_2 Σ a_1²."""
        f = [*function(self.value, 2), None, None][:3]
        value, slope, half_curvature = f
        if value is None or value.shape != self.value.shape:
            raise ValueError("a scalar function of every entry has the shape of its argument")
        if slope is None:
            return CollapsedJet(value, torch.zeros_like(self.tangents), None, self.groups)
        second: Tensor | Source | None = None
        if self.second is not None:
            second = slope * self.second
            if half_curvature is not None:
                second.addcmul_(self._summed_squares(), half_curvature)
        elif half_curvature is not None:
            alone = self.groups == len(self.tangents)
            second = Squares(half_curvature, self.tangents) if alone else self._summed_squares().mul_(half_curvature)
        return CollapsedJet(value, self.tangents * slope, second, self.groups)

    def plus(self, other: CollapsedJet, alpha: float) -> CollapsedJet:
        """Return a + alpha·b."""
        value = torch.add(self.value, other.value, alpha=alpha)
        dims = value.dim()
        first = torch.add(_aligned(self.tangents, dims), _aligned(other.tangents, dims), alpha=alpha)
        if self.second is None or other.second is None:
            second = self.second if other.second is None else other.second * alpha
            return CollapsedJet(value, first, second, self.groups)
        second = torch.add(_aligned(self.second, dims), _aligned(other.second, dims), alpha=alpha)
        return CollapsedJet(value, first, second, self.groups)

    def times(self, function: Callable[[Any, Any], Tensor], other: CollapsedJet) -> CollapsedJet:
        """Return f(a, b) for a bilinear f."""
        if function is torch.mul:
            return self._multiplied(other)
        value = self._product_of_values(function, other)
        if self.is_independent or other.is_independent:
            return self._times_independent(function, other, value)
        if isinstance(other.first, Directions):
            patterned = other._patterns_in(function, self.value)
            if patterned is not None:
                return self._times_patterned(patterned, other, value)
            if other.first.large:
                return self._times_directions(function, other, value)
        if isinstance(self.first, Directions) and self.first.large:
            return other._times_directions(lambda b, a: function(a, b), self, value)
        own, others = self.tangents, other.tangents
        first = vmap(lambda a: function(a, other.value))(own)
        first += vmap(lambda b: function(self.value, b))(others)
        second = self.reduced(vmap(function)(own, others))
        return CollapsedJet(value, first, self._second_of_product(function, other, second), self.groups)

    def _product_of_values(self, function: Callable[[Any, Any], Tensor], other: CollapsedJet) -> Tensor:
        directions = other.first
        if function is not matrix_product or not isinstance(directions, Directions) or directions.products is None:
            return function(self.value, other.value)
        kept, name = directions.products, directions.probe.name
        if name not in kept:
            kept[name] = function(self.value, other.value)
        return kept[name]

    @property
    def is_independent(self) -> bool:
        """Whether it is a parameter whose product with anything has a second-order coefficient of mean zero."""
        return isinstance(self.first, Directions) and self.first.independent

    def look_up(self, places: Tensor, function: Callable[[Tensor], Tensor]) -> CollapsedJet:
        """Return the rows at `places`, which `function` looks up, drawing no others of a parameter's directions."""
        first = self.first.look_up(places) if isinstance(self.first, Directions) else None
        if first is None:
            return self.linear(function)
        second = None if self.second is None else vmap(function)(self.second)
        return CollapsedJet(function(self.value), first, second, self.groups)

    def _times_independent(self, function: Callable[[Any, Any], Tensor], other: CollapsedJet, value: Tensor) -> CollapsedJet:
        """Return f(a, b), one of them a parameter, without the part of Σ f(a_1, b_1) whose mean is zero."""
        second = None
        for part, rest in ((self.second, lambda a: function(a, other.value)), (other.second, lambda b: function(self.value, b))):
            if part is not None:
                term = vmap(rest)(part)
                second = term if second is None else second.add_(term)
        if function is not matrix_product or not other.is_independent:
            first = self._moved(function, other.value)
            first += other._moved(lambda b, a: function(a, b), self.value)
            return CollapsedJet(value, first, second, self.groups)
        assert isinstance(other.first, Directions)
        first = self._times_matrix(other.value, other.first.rounding)
        other._add_across(first, self.value)
        seen = other.first.probe.rows_seen()
        if seen is None:
            return CollapsedJet(value, first, second, self.groups)
        # A tied matrix: the columns of the rows that were looked up depend on what they are multiplied with.
        columns, signs = seen
        crossed = Columns(columns, self.reduced(torch.matmul(self.tangents, signs.mT)))
        total = crossed if second is None else second.add_(crossed.dense(value.shape))
        return CollapsedJet(value, first, total, self.groups)

    def _moved(self, function: Callable[[Any, Any], Tensor], fixed: Tensor) -> Tensor:
        """Return f(a_1, fixed), with one direction of a large parameter in memory at a time."""
        if isinstance(self.first, Directions) and self.first.large:
            made = self.first.make
            return torch.stack([function(made(range(k, k + 1))[0], fixed) for k in range(self.first.count)])
        return vmap(lambda a: function(a, fixed))(self.tangents)

    def _times_matrix(self, fixed: Tensor, rounding: torch.dtype | None = None) -> Tensor:
        """Return a_1 W for a matrix W, of factors that are rounded if `rounding` is given."""
        if fixed.dim() == 2 and self.value.dim() == 2 and not (isinstance(self.first, Directions) and self.first.large):
            return rows_times_matrix(self.tangents, fixed, rounding)
        return self._moved(lambda a, b: rows_times_matrix(a, b, rounding), fixed)

    def _patterns_in(self, function: Callable[[Any, Any], Tensor], x: Tensor) -> PatternedSigns | None:
        """Return what the directions of a matrix are made of, where `function` multiplies it with the rows x."""
        if function is not matrix_product or x.dim() != 2 or not isinstance(self.first, Directions):
            return None
        return self.first.patterned(torch.promote_types(x.dtype, self.value.dtype))

    def _times_patterned(self, patterned: PatternedSigns, weight: CollapsedJet, value: Tensor) -> CollapsedJet:
        """Return a W for a matrix W whose directions have patterns."""
        own = self.tangents
        first = self._times_matrix(weight.value)
        patterned.add_product(first, self.value)
        if self.groups == len(own) and self.second is None and weight.second is None:
            return CollapsedJet(value, first, PatternedProducts(own, patterned), self.groups)
        second = value.new_zeros((self.groups, *value.shape))
        for k in range(len(own)):
            group = k * self.groups // len(own)
            patterned.line(k).add_product(second[group : group + 1], own[k : k + 1])
        return CollapsedJet(value, first, self._second_of_product(matrix_product, weight, second), self.groups)

    def _add_across(self, first: Tensor, x: Tensor) -> None:
        """Add x V for each direction V of this matrix to `first`, or noise of the same mean and covariance where the probe has it.

        x V has mean zero and covariance (x xᵀ) ⊗ I over rows and columns. So has R z with R Rᵀ = x xᵀ and independent signs z, and
        with fewer rows (tokens) than columns (features) in x, z is shorter than V.
        """
        directions = self.first
        assert isinstance(directions, Directions)
        patterned = self._patterns_in(matrix_product, x)
        if patterned is not None:
            patterned.add_product(first, x)
        elif x.dim() != 2 or 2 * len(x) > x.shape[1] or not self._add_noise(first, x):
            first += self._moved(lambda b, a: matrix_product(a, b), x)

    def _add_noise(self, first: Tensor, x: Tensor) -> bool:
        """Add R z, and say whether the probe has a z."""
        directions = self.first
        assert isinstance(directions, Directions)
        seen = directions.probe.rows_seen()
        shape = (len(x), self.value.shape[1])
        root = None
        for lines in portions(first):
            noise = directions.probe.noise(lines, shape)
            if noise is None:
                return False
            # xᵀ = Q Rᵀ: without squaring x, which would cost half the digits.
            root = torch.linalg.qr(x.T, mode="r").R.T if root is None else root
            added = matrix_product(root, noise)
            if seen is not None:  # rows that were looked up are not noise
                columns, signs = seen
                added[..., columns] = torch.matmul(x, signs.mT[lines.start : lines.stop])
            first[lines.start : lines.stop] += added
        return True

    def _times_directions(self, function: Callable[[Any, Any], Tensor], weight: CollapsedJet, value: Tensor) -> CollapsedJet:
        """Return f(a, W) for a parameter W, with one of its directions in memory at a time."""
        directions, own = weight.first, self.tangents
        assert isinstance(directions, Directions)
        first = vmap(lambda a: function(a, weight.value))(own)
        second = value.new_zeros((self.groups, *value.shape))
        for k in range(directions.count):
            (v,) = directions.make(range(k, k + 1))
            # One product of twice the rows is faster than two.
            moved, crossed = vmap(lambda a, v=v: function(a, v))(torch.stack([self.value, own[k]])).unbind()
            first[k] += moved
            second[k * self.groups // directions.count] += crossed
        return CollapsedJet(value, first, self._second_of_product(function, weight, second), self.groups)

    def _second_of_product(self, function: Callable[[Any, Any], Tensor], other: CollapsedJet, crossed: Tensor) -> Tensor:
        if self.second is not None:
            crossed += vmap(lambda a: function(a, other.value))(self.second)
        if other.second is not None:
            crossed += vmap(lambda b: function(self.value, b))(other.second)
        return crossed

    def _multiplied(self, other: CollapsedJet) -> CollapsedJet:
        """Return the elementwise product."""
        independent = self.is_independent or other.is_independent
        if other is self:
            squares = self._summed_squares()
            if self.second is not None:
                squares.addcmul_(self.second, self.value, value=2)
            return CollapsedJet(self.value * self.value, self.tangents * (2 * self.value), squares, self.groups)
        value = self.value * other.value
        dims = value.dim()
        a, b = _aligned(self.tangents, dims), _aligned(other.tangents, dims)
        first = torch.addcmul(a * other.value, b, self.value) if a.dtype == b.dtype else a * other.value + b * self.value
        second = None if independent else self.reduced(a * b)
        for mine, factor in ((self.second, other.value), (other.second, self.value)):
            if mine is not None:
                term = _aligned(mine, dims) * factor
                second = term if second is None else second + term
        return CollapsedJet(value, first, second, self.groups)

    @classmethod
    def joined(cls, function: Callable[..., Tensor], parts: Sequence[Any]) -> CollapsedJet:
        """Return f(a, b, …) for an f that is linear in all its parts jointly."""
        jets = [p for p in parts if isinstance(p, CollapsedJet)]
        places = [i for i, p in enumerate(parts) if isinstance(p, CollapsedJet)]
        filled = [zero_like(p) for p in parts]

        def apply(*coefficients: Tensor) -> Tensor:
            row = list(filled)
            for i, c in zip(places, coefficients, strict=True):
                row[i] = c
            return function(*row)

        def first() -> Tensor:
            return vmap(apply)(*(j.tangents for j in jets))

        put_off = any(isinstance(j.first, Later) for j in jets)
        second = None
        if any(j.second is not None for j in jets):
            groups = jets[0].groups
            second = vmap(apply)(*(_zeros(groups, j.value) if j.second is None else j.second for j in jets))
        return CollapsedJet(function(*map(value_of, parts)), Later(first) if put_off else first(), second, jets[0].groups)

    def _summed_squares(self) -> Tensor:
        tangents = self.tangents
        if self.groups == len(tangents):
            return tangents * tangents
        total = _zeros(self.groups, self.value).contiguous()
        for k, tangent in enumerate(tangents):
            total[k * self.groups // len(tangents)].addcmul_(tangent, tangent)
        return total

    def reduced(self, terms: Tensor) -> Tensor:
        """Sum K terms over each group."""
        return terms if len(terms) == self.groups else terms.unflatten(0, (self.groups, -1)).sum(1)


def lines(
    point: Mapping[str, Tensor],
    probe: Callable[[str, Tensor], AddressedProbe],
    *,
    groups: int,
    independent: frozenset[str] = frozenset(),
    rounding: torch.dtype | None = None,
    single: frozenset[str] = frozenset(),
    products: dict[str, Tensor] | None = None,
) -> Callable[[str], CollapsedJet]:
    """Return name ↦ θ + t v along each probe v, which is asked for where it is needed.

    Args:
        point: θ.
        probe: (name, parameter) ↦ its directions; called once for each name.
        groups: as of `CollapsedJet`.
        independent: parameters of which products leave out terms of mean zero.
        rounding: dtype to which the factors of the products x_1 W with these are rounded.
        single: parameters that appear in an only product.
        products: name ↦ that product at θ, kept from pass to pass; it is filled.
    """
    probes: dict[str, AddressedProbe] = {}

    def parameter(name: str) -> CollapsedJet:
        tensor = point[name].detach()
        if name not in probes:
            probes[name] = probe(name, tensor)
        kept = products if name in single else None
        directions = Directions(probes[name], independent=name in independent, rounding=rounding, products=kept)
        return CollapsedJet(tensor, directions, None, groups)

    return parameter


def _zeros(groups: int, like: Tensor) -> Tensor:
    return like.new_zeros((groups, *like.shape))


def _aligned(stack: Tensor, dims: int) -> Tensor:
    """Put ones behind the leading dimension of a stack, so that what follows has `dims` dimensions."""
    missing = dims - (stack.dim() - 1)
    return stack if missing <= 0 else stack.reshape(len(stack), *[1] * missing, *stack.shape[1:])


def _expanded(stack: Tensor, shape: torch.Size) -> Tensor:
    if stack.shape[1:] == shape:
        return stack
    return _aligned(stack, len(shape)).expand(len(stack), *shape)
