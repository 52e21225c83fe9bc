"""Rules that collapsed jets have of their own, with fewer passes over stacks of tensors than the general ones.

Softmax and its logarithm meet tensors of the size of a vocabulary, or of all pairs of tokens. With w = softmax(a_0) and
c_k = a_1[k] − Σ w a_1[k], sums along the dimension,

    log softmax:    c_k  and  a_2 − Σ w a_2 − ½ Σ_k Σ w c_k²,
    softmax:        w c_k  and  w (a_2 − Σ w a_2) + ½ w Σ_k (c_k² − Σ w c_k²),

since y = e^{log y} has y_1 = y (log y)_1 and y_2 = y ((log y)_2 + ½ (log y)_1²).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from villani_verify.curvature.taylor.collapsed import CollapsedJet
from villani_verify.curvature.taylor.directions import Later
from villani_verify.curvature.taylor.products import matrix_product_of
from villani_verify.curvature.taylor.reductions import without_mean
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
    centred = weights.centred(x.tangents)
    first = centred * value
    second = x.reduced(centred.mul_(first).mul_(0.5))  # ½ w c²
    second = second - second.sum(weights.along, keepdim=True) * value
    if x.second is not None:
        second += weights.centred(x.second).mul_(value)
    return CollapsedJet(value, first, second, x.groups)


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
        weights, largest, moved = (t.movedim(self.along, -1) for t in (self._weights, self._largest, stack))
        size = weights.shape[-1]
        weights, largest, rows = weights.reshape(-1, size), largest.reshape(-1, 1), moved.reshape(len(stack), -1, size)
        each = len(weights) if stack.is_cuda else max(1, _CACHED // max(1, size))
        blocks = [slice(start, start + each) for start in range(0, len(weights), each)]
        spreads = [torch.cat([_spread(line[b], weights[b], largest[b]) for b in blocks]) for line in rows]
        return torch.stack(spreads).reshape(*moved.shape[:-1], 1).movedim(-1, self.along)


def _spread(rows: Tensor, weights: Tensor, largest: Tensor) -> Tensor:
    centred = without_mean(rows, weights, largest, -1)
    return torch.linalg.vecdot(centred * weights, centred, dim=-1)
