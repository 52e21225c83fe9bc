"""Reductions and normalisations: softmax, log-sum-exp, LayerNorm, norms, variance. All are built from other rules.

Nothing here calls forward-mode automatic differentiation: nested, it returns wrong second derivatives for LayerNorm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from villani_verify.curvature.taylor import analytic
from villani_verify.curvature.taylor.jet import Jet, add, multiply, subtract, value_of
from villani_verify.curvature.taylor.piecewise import absolute
from villani_verify.curvature.taylor.table import RULES, aten, rule


@rule(aten._softmax.default)
def softmax(x: Jet, dim: int, half_to_float: bool = False) -> Jet:
    """e^{x − m} / Σ e^{x − m}, for any m that is the same along the dimension."""
    exponential = _centred(x, dim).compose(analytic.exp)
    total = exponential.linear(lambda c: c.sum(dim, keepdim=True))
    return multiply(exponential, total.compose(analytic.reciprocal))


@rule(aten._log_softmax.default)
def log_softmax(x: Jet, dim: int, half_to_float: bool = False) -> Jet:
    """`x` − m − log Σ e^{x − m}, for any m that is the same along the dimension."""
    centred = _centred(x, dim)
    total = centred.compose(analytic.exp).linear(lambda c: c.sum(dim, keepdim=True))
    return subtract(centred, total.compose(analytic.log))


@rule(aten.logsumexp.default)
def logsumexp(x: Jet, dims: Sequence[int], keepdim: bool = False) -> Jet:
    """`m` + log Σ e^{x − m}."""
    largest = x.value.amax(tuple(dims), keepdim=True)
    largest = torch.where(largest.isfinite(), largest, 0.0)
    total = subtract(x, largest).compose(analytic.exp).linear(lambda c: c.sum(dims, keepdim=keepdim))
    return add(total.compose(analytic.log), largest if keepdim else largest.reshape(total.value.shape))


@rule(aten.native_layer_norm.default)
def layer_norm(x: Any, shape: Sequence[int], weight: Any, bias: Any, eps: float) -> tuple[Any, None, None]:
    """(x − mean)·(var + eps)^{−1/2}·weight + bias, over the last dimensions."""
    dims = tuple(range(-len(shape), 0))
    if isinstance(x, Jet):
        centred = x.linear(lambda c: c - c.mean(dims, keepdim=True))
        normal = multiply(centred, add(_mean_square(centred, dims), eps).compose(analytic.rsqrt))
    else:
        normal = torch.nn.functional.layer_norm(x, list(shape), None, None, eps)
    return scale_and_shift(normal, weight, bias), None, None


@rule(aten.native_group_norm.default)
def group_norm(
    x: Any, weight: Any, bias: Any, rows: int, channels: int, size: int, groups: int, eps: float
) -> tuple[Any, None, None]:
    """LayerNorm over the channels of each group and all positions."""
    shape = value_of(x).shape
    grouped = _linear(x, lambda c: c.reshape(rows, groups, -1))
    normal, _, _ = layer_norm(grouped, [value_of(grouped).shape[-1]], None, None, eps)
    shaped = [p if p is None else _linear(p, lambda c: c.reshape(-1, *[1] * (len(shape) - 2))) for p in (weight, bias)]
    return scale_and_shift(_linear(normal, lambda c: c.reshape(shape)), *shaped), None, None


@rule(aten._native_batch_norm_legit_no_training.default)
def batch_norm(
    x: Any, weight: Any, bias: Any, mean: Tensor, variance: Tensor, momentum: float, eps: float
) -> tuple[Any, None, None]:
    """In evaluation: an affine map with the stored mean and variance of each channel."""

    def channels(c: Tensor) -> Tensor:
        return c.reshape(-1, *[1] * (value_of(x).dim() - 2))

    normal = multiply(subtract(x, channels(mean)), channels(torch.rsqrt(variance + eps)))
    return scale_and_shift(normal, *(p if p is None else _linear(p, channels) for p in (weight, bias))), None, None


@rule(aten.linalg_vector_norm.default)
def vector_norm(x: Jet, ord: float = 2, dims: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Jet:
    """(Σ |x|^p)^{1/p}; Σ |x| for p = 1, the largest |x| for p = ∞."""
    axes = list(range(x.value.dim())) if dims is None else [dims] if isinstance(dims, int) else list(dims)
    if dtype is not None:
        x = x.linear(lambda c: c.to(dtype))
    size = x if ord == 2 else x.compose(absolute)
    if math.isinf(ord):
        return RULES[aten.amax.default if ord > 0 else aten.amin.default](size, axes, keepdim)
    powers = multiply(x, x) if ord == 2 else size if ord == 1 else size.compose(lambda a, k: analytic.power(a, k, ord))
    total = powers.linear(lambda c: c.sum(axes, keepdim=keepdim))
    return total if ord == 1 else total.compose(lambda a, k: analytic.power(a, k, 1 / ord))


@rule(aten.var.correction)
def variance(x: Jet, dims: Any = None, *, correction: float | None = 1, keepdim: bool = False) -> Jet:
    """Σ (x − mean)² / (n − correction)."""
    axes = list(range(x.value.dim())) if dims is None else list(dims)
    count = math.prod(x.value.shape[d] for d in axes)
    centred = x.linear(lambda c: c - c.mean(axes, keepdim=True))
    divisor = count - (1 if correction is None else correction)
    return multiply(centred, centred).linear(lambda c: c.sum(axes, keepdim=keepdim) / divisor)


@rule(aten.prod.dim_int)
def product_along(x: Jet, dim: int, keepdim: bool = False) -> Jet:
    """Multiply the slices one by one, which needs no division by a factor that may be zero."""
    result = x.linear(lambda c: c.select(dim, 0))
    for i in range(1, x.value.shape[dim]):
        result = multiply(result, x.linear(lambda c, i=i: c.select(dim, i)))  # type: ignore[misc]
    return result.linear(lambda c: c.unsqueeze(dim)) if keepdim else result


@rule(aten.prod.default)
def product_over_all(x: Jet) -> Jet:
    """The product of all entries."""
    return product_along(x.linear(lambda c: c.reshape(-1)), 0)


def _linear(x: Any, function: Callable[[Tensor], Tensor]) -> Any:
    return x.linear(function) if isinstance(x, Jet) else function(x)


def _centred(x: Jet, dim: int) -> Jet:
    """`x` − m, where m(t) is the largest value at t = 0 and in every higher order the mean by the weights softmax(x_0).

    So the second-order terms sum (a_1 − mean)² and not a_1², from which mean² would have to be taken away again.
    """
    weights = torch.softmax(x.value, dim)
    largest, place = x.value.max(dim, keepdim=True)
    return x.affine(lambda c: c - largest, lambda c: without_mean(c, weights, place, dim))


def without_mean(c: Tensor, weights: Tensor, place: Tensor, dim: int) -> Tensor:
    """Return c − Σ w c along a dimension, for weights that add up to one there.

    Before the mean is taken, the coefficient at `place`, where the weight is largest, is taken away: where that is nearly 1 the
    mean is nearly this coefficient, and what is left of it would be rounding.
    """
    shifted = c - c.gather(dim, place)
    return shifted.sub_(torch.linalg.vecdot(weights, shifted, dim=dim).unsqueeze(dim))


def _mean_square(x: Jet, dims: Sequence[int]) -> Jet:
    return multiply(x, x).linear(lambda c: c.mean(dims, keepdim=True))


def scale_and_shift(x: Any, weight: Any, bias: Any) -> Any:
    """Return x·weight + bias, without what is None."""
    scaled = x if weight is None else multiply(x, weight)
    return scaled if bias is None else add(scaled, bias)
