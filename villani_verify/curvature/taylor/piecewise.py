"""Piecewise analytic functions: the branch that is active at a_0 is expanded, with torch's choice at the seam.

So a kink shows as a mismatch between the series on its two sides, which is what the smoothness criterion looks for.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from villani_verify.curvature.taylor.analytic import exp
from villani_verify.curvature.taylor.jet import Jet, combine, multiply, subtract, value_of
from villani_verify.curvature.taylor.table import aten, elementwise, locally_constant, rule

locally_constant(
    aten.sign.default, aten.floor.default, aten.ceil.default, aten.round.default, aten.round.decimals, aten.trunc.default,
    aten.gt.Scalar, aten.gt.Tensor, aten.ge.Scalar, aten.ge.Tensor, aten.lt.Scalar, aten.lt.Tensor, aten.le.Scalar,
    aten.le.Tensor, aten.eq.Scalar, aten.eq.Tensor, aten.ne.Scalar, aten.ne.Tensor, aten.isnan.default, aten.isinf.default,
    aten.argmax.default, aten.argmin.default, aten.argsort.default, aten.logical_not.default, aten.logical_and.default,
    aten.logical_or.default, aten.heaviside.default, aten.signbit.default, aten.full_like.default, aten.zeros_like.default,
    aten.ones_like.default, aten.any.default, aten.all.default, aten.searchsorted.Tensor, aten.bucketize.Tensor,
)  # fmt: skip


@elementwise(aten.abs.default)
def absolute(a: Tensor, order: int) -> list[Tensor]:
    """|a| has slope sign(a)."""
    return [torch.abs(a), torch.sign(a)][: order + 1]


@elementwise(aten.relu.default)
def relu(a: Tensor, order: int) -> list[Tensor]:
    """max(a, 0)."""
    return _linear_where(torch.relu(a), a > 0, order)


@elementwise(aten.leaky_relu.default)
def leaky_relu(a: Tensor, order: int, negative_slope: float = 0.01) -> list[Tensor]:
    """`a` for a > 0, slope·a below."""
    slope = torch.where(a > 0, torch.ones_like(a), torch.full_like(a, negative_slope))
    return [a * slope, slope][: order + 1]


@elementwise(aten.elu.default)
def elu(a: Tensor, order: int, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> list[Tensor]:
    """scale·a for a > 0, scale·alpha·(e^{input_scale·a} − 1) below."""
    below = [scale * alpha * input_scale**m * c for m, c in enumerate(exp(input_scale * a, order))]
    below[0] = scale * alpha * torch.expm1(input_scale * a)
    above = [scale * a, torch.full_like(a, scale), *(torch.zeros_like(a) for _ in range(order - 1))]
    return [torch.where(a > 0, u, v) for u, v in zip(above, below, strict=False)]


@elementwise(aten.hardtanh.default)
def hardtanh(a: Tensor, order: int, min_val: float = -1, max_val: float = 1) -> list[Tensor]:
    """Clamp with other names."""
    return _linear_where(torch.clamp(a, min_val, max_val), (a > min_val) & (a < max_val), order)


@rule(aten.clamp.default, aten.clamp.Tensor)
def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    """The larger of x and `min`, then the smaller of that and `max`; the bounds may move with t."""
    if min is not None:
        x = _choose(value_of(x) >= value_of(min), x, min)
    if max is not None:
        x = _choose(value_of(x) <= value_of(max), x, max)
    return x


@rule(aten.clamp_min.default, aten.clamp_min.Tensor)
def clamp_min(x: Any, min: Any) -> Any:
    """The larger of the two."""
    return clamp(x, min, None)


@rule(aten.clamp_max.default, aten.clamp_max.Tensor)
def clamp_max(x: Any, max: Any) -> Any:
    """The smaller of the two."""
    return clamp(x, None, max)


@rule(aten.where.self, aten.where.ScalarOther, aten.where.ScalarSelf, affine=True)
def where(condition: Any, left: Any, right: Any) -> Any:
    """Choose by a condition that does not change with t, or by the branch active at t = 0."""
    return _choose(value_of(condition), left, right)


@rule(aten.maximum.default, aten.fmax.default)
def maximum(left: Any, right: Any) -> Any:
    """The larger at t = 0."""
    return _choose(value_of(left) >= value_of(right), left, right)


@rule(aten.minimum.default, aten.fmin.default)
def minimum(left: Any, right: Any) -> Any:
    """The smaller at t = 0."""
    return _choose(value_of(left) <= value_of(right), left, right)


@rule(aten.fmod.Scalar, aten.fmod.Tensor)
def fmod(x: Any, y: Any) -> Any:
    """`x` − y·trunc(x/y)."""
    return subtract(x, multiply(y, torch.trunc(value_of(x) / value_of(y))))


@rule(aten.remainder.Scalar, aten.remainder.Tensor)
def remainder(x: Any, y: Any) -> Any:
    """`x` − y·floor(x/y)."""
    return subtract(x, multiply(y, torch.floor(value_of(x) / value_of(y))))


def _extreme_along(operation: Any) -> None:
    """Register max or min along a dimension: the coefficients at the index that is extreme at t = 0."""

    def apply(x: Jet, dim: int, keepdim: bool = False) -> tuple[Jet, Tensor]:
        index = operation(x.value, dim, True)[1]
        chosen = x.linear(lambda c: c.gather(dim, index))
        return (chosen, index) if keepdim else (chosen.linear(lambda c: c.squeeze(dim)), index.squeeze(dim))

    rule(operation)(apply)


_extreme_along(aten.max.dim)
_extreme_along(aten.min.dim)


def _extreme_over(operation: Any, argument: Any) -> None:
    """Register amax or amin over several dimensions (all when none is named)."""

    def apply(x: Jet, dims: Any = (), keepdim: bool = False) -> Jet:
        axes = sorted(d % x.value.dim() for d in dims) or list(range(x.value.dim()))
        kept = [d for d in range(x.value.dim()) if d not in axes]
        flat = x.linear(lambda c: c.permute(*kept, *axes).flatten(len(kept)) if c.dim() else c.reshape(1))
        index = argument(flat.value, -1, keepdim=True)
        reduced = x.value.sum(axes, keepdim=keepdim) if axes else x.value
        return flat.linear(lambda c: c.gather(-1, index).reshape(reduced.shape))

    rule(operation)(apply)


_extreme_over(aten.amax.default, torch.argmax)
_extreme_over(aten.amin.default, torch.argmin)
_extreme_over(aten.max.default, torch.argmax)
_extreme_over(aten.min.default, torch.argmin)


def _ordering(operation: Any, position_of_dim: int) -> None:
    """Register sort or topk: the coefficients in the order of the values at t = 0."""

    def apply(x: Jet, *arguments: Any, **options: Any) -> tuple[Jet, Tensor]:
        _, index = operation(x.value, *arguments, **options)
        dim = arguments[position_of_dim] if len(arguments) > position_of_dim else options.get("dim", -1)
        return x.linear(lambda c: c.gather(dim, index)), index

    rule(operation)(apply)


_ordering(aten.sort.default, 0)
_ordering(aten.sort.stable, 0)
_ordering(aten.topk.default, 1)


def _linear_where(value: Tensor, active: Tensor, order: int) -> list[Tensor]:
    return [value, active.to(value.dtype)][: order + 1]


def _choose(condition: Tensor, left: Any, right: Any) -> Any:
    if not isinstance(left, Jet) and not isinstance(right, Jet):
        return torch.where(condition, left, right)
    return combine(lambda u, v: torch.where(condition, u, v), left, right)
