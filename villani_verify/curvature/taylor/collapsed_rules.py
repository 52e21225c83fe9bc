"""Rules that collapsed jets have of their own, with fewer passes over stacks of tensors than the general ones.

Softmax and its logarithm meet tensors of the size of a vocabulary, or of all pairs of tokens. With w = softmax(a_0) and
c_k = a_1[k] − Σ w a_1[k], sums along the dimension,

    log softmax:    c_k  and  a_2 − Σ w a_2 − ½ Σ_k Σ w c_k²,
    softmax:        w c_k  and  w (a_2 − Σ w a_2) + ½ w Σ_k (c_k² − Σ w c_k²),

since y = e^{log y} has y_1 = y (log y)_1 and y_2 = y ((log y)_2 + ½ (log y)_1²).

LayerNorm divides c = a − mean a by √(mean c² + ε). With N = r c_0, r = (mean c_0² + ε)^{−1/2}, u_k = r c_1[k], p_k = mean N u_k and
s_k = mean u_k² along a row, the power series of the reciprocal root gives

    N_1[k] = u_k − p_k N    and    N_2 = r (a_2 − mean a_2) − N mean(N r a_2) + Σ_k [N (3/2 p_k² − ½ s_k) − p_k u_k].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from villani_verify.curvature.kernels import kernels_for
from villani_verify.curvature.taylor.collapsed import CollapsedJet
from villani_verify.curvature.taylor.directions import Later
from villani_verify.curvature.taylor.products import matrix_product_of
from villani_verify.curvature.taylor.reductions import scale_and_shift, without_mean
from villani_verify.curvature.taylor.table import RULES, aten, rule

# Numbers of a block that stays in a processor's cache while all passes over it are made: a megabyte in float32.
_CACHED = 1 << 18


@rule(aten.addmm.default, kind=CollapsedJet)
def addmm(bias: Any, left: Any, right: Any, *, beta: float = 1, alpha: float = 1) -> CollapsedJet:
    """beta·bias + alpha·(left @ right), the bias added in place."""
    product = matrix_product_of(left, right)
    plain = beta == 1 and alpha == 1 and isinstance(bias, CollapsedJet) and isinstance(product, CollapsedJet)
    if not plain or bias.second is not None or not isinstance(product.first, Tensor) or bias.value.dtype != product.first.dtype:
        return RULES[aten.addmm.default](bias, left, right, beta=beta, alpha=alpha)
    product.first += bias.tangents.reshape(len(product.first), *[1] * (product.value.dim() - bias.value.dim()), *bias.value.shape)
    return CollapsedJet(product.value + bias.value, product.first, product.stored_second, product.groups)


@rule(aten._log_softmax.default, kind=CollapsedJet)
def log_softmax(x: CollapsedJet, dim: int, half_to_float: bool = False) -> CollapsedJet:
    """A − log Σ e^a."""
    value = torch.log_softmax(x.value, dim)
    weights = _Weights(value.exp(), x.value, dim)
    tangents = x.tangents
    second = x.reduced(weights.spread(tangents)).mul(-0.5)
    if x.second is not None:
        second = weights.centred(x.second).add_(second)
    # Often nothing asks: what comes after is linear in them, and has no second-order terms of theirs.
    return CollapsedJet(value, Later(lambda: weights.centred(tangents)), second, x.groups)


@rule(aten._softmax.default, kind=CollapsedJet)
def softmax(x: CollapsedJet, dim: int, half_to_float: bool = False) -> CollapsedJet:
    """e^a / Σ e^a."""
    value = torch.softmax(x.value, dim)
    weights = _Weights(value, x.value, dim)
    on_gpu = None if x.second is not None or x.groups != len(x.tangents) else weights.softmax(x.tangents)
    if on_gpu is not None:
        return CollapsedJet(value, *on_gpu, x.groups)
    centred = weights.centred(x.tangents)
    first = centred * value
    second = x.reduced(centred.mul_(first).mul_(0.5))  # ½ w c²
    second = second - second.sum(weights.along, keepdim=True) * value
    if x.second is not None:
        second += weights.centred(x.second).mul_(value)
    return CollapsedJet(value, first, second, x.groups)


@rule(aten.native_layer_norm.default, kind=CollapsedJet)
def layer_norm(x: Any, shape: Sequence[int], weight: Any, bias: Any, eps: float) -> tuple[Any, None, None]:
    """(a − mean)·(var + eps)^{−1/2}·weight + bias, over the last dimensions."""
    if not isinstance(x, CollapsedJet):
        return RULES[aten.native_layer_norm.default](x, shape, weight, bias, eps)
    dims = tuple(range(-len(shape), 0))
    centred = x.value - x.value.mean(dims, keepdim=True)
    scale = (centred * centred).mean(dims, keepdim=True).add(eps).rsqrt()
    normal = centred * scale
    on_gpu = _layer_norm_on_gpu(x, len(shape), normal, scale, weight, bias)
    if on_gpu is not None:
        return on_gpu, None, None

    def along(stack: Tensor) -> Tensor:  # r (c − mean c)
        return (stack - stack.mean(dims, keepdim=True)).mul_(scale)

    def mean_product(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).mean(dims, keepdim=True)

    u = along(x.tangents)
    p, s = mean_product(u, normal), mean_product(u, u)
    first = torch.addcmul(u, p, normal, value=-1)
    second = x.reduced((normal * (1.5 * p * p - 0.5 * s)).addcmul_(p, u, value=-1))
    if x.second is not None:
        carried = along(x.second)
        second += carried.addcmul_(mean_product(carried, normal), normal, value=-1)
    return scale_and_shift(CollapsedJet(normal, first, second, x.groups), weight, bias), None, None


def _layer_norm_on_gpu(x: CollapsedJet, dims: int, normal: Tensor, scale: Tensor, weight: Any, bias: Any) -> CollapsedJet | None:
    """Return the scaled and shifted result where a kernel makes it."""
    kernels = kernels_for(normal.device)
    affine = [p for p in (weight, bias) if p is not None]
    if kernels is None or x.second is not None or x.groups != len(x.tangents):
        return None
    if not all(isinstance(p, CollapsedJet) and p.second is None and p.value.dtype == normal.dtype for p in affine):
        return None
    lines = x.groups
    size = math.prod(normal.shape[-dims:])
    made = kernels.layer_norm(
        x.tangents.reshape(lines, -1, size), normal.reshape(-1, size), scale.reshape(-1),
        None if weight is None else (weight.value.reshape(size), weight.tangents.reshape(lines, size)),
        None if bias is None else bias.tangents.reshape(lines, size),
        crossed=weight is not None and not weight.is_independent,
    )  # fmt: skip
    if made is None:
        return None
    value = normal if weight is None else normal * weight.value
    value = value if bias is None else value + bias.value
    first, second = (part.reshape(x.tangents.shape) for part in made)
    return CollapsedJet(value, first, second, lines)


class _Weights:
    """Weights w that add up to one along a dimension of a tensor, applied to stacks of such tensors.

    Attributes:
        along: the dimension, counted from the end, so that it is the same for a stack.
    """

    def __init__(self, weights: Tensor, logits: Tensor, dim: int) -> None:
        """Take w = softmax(logits), and the dimension."""
        self.along = dim % logits.dim() - logits.dim()
        self._weights = weights
        self._largest = logits.argmax(dim, keepdim=True)

    def centred(self, stack: Tensor) -> Tensor:
        """Return c − Σ w c for each tensor c of a stack."""
        return without_mean(stack, self._weights, self._largest.expand(len(stack), *self._largest.shape), self.along)

    def spread(self, stack: Tensor) -> Tensor:
        """Return Σ w (c − Σ w c)² for each tensor c of a stack, of size 1 along the dimension."""
        weights, largest, rows, shape = self._as_rows(stack)
        kernels = kernels_for(stack.device)
        if kernels is not None:
            return kernels.spread(rows, weights, largest).reshape(*shape[:-1], 1).movedim(-1, self.along)
        each = max(1, _CACHED // max(1, shape[-1]))
        blocks = [slice(start, start + each) for start in range(0, len(weights), each)]
        spreads = [torch.cat([_spread(line[b], weights[b], largest[b]) for b in blocks]) for line in rows]
        return torch.stack(spreads).reshape(*shape[:-1], 1).movedim(-1, self.along)

    def softmax(self, stack: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return w c' and ½ w (c'² − Σ w c'²) with c' = c − Σ w c for each tensor c of a stack, where a kernel makes them."""
        kernels = kernels_for(stack.device)
        if kernels is None:
            return None
        weights, largest, rows, shape = self._as_rows(stack)
        made = kernels.softmax(rows, weights, largest)
        return made and tuple(part.reshape(shape).movedim(-1, self.along) for part in made)

    def _as_rows(self, stack: Tensor) -> tuple[Tensor, Tensor, Tensor, torch.Size]:
        """Return weights (R, V), places of the largest (R, 1) and the stack (K, R, V), and its shape with the dimension last."""
        weights, largest, moved = (t.movedim(self.along, -1) for t in (self._weights, self._largest, stack))
        size = moved.shape[-1]
        return weights.reshape(-1, size), largest.reshape(-1, 1), moved.reshape(len(stack), -1, size), moved.shape


def _spread(rows: Tensor, weights: Tensor, largest: Tensor) -> Tensor:
    centred = without_mean(rows, weights, largest, -1)
    return torch.linalg.vecdot(centred * weights, centred, dim=-1)
