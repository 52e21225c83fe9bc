"""Linear operations: views, copies, gathers, sums. Each acts on every coefficient alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from villani_verify.curvature.taylor.jet import Jet, add, combine, value_of
from villani_verify.curvature.taylor.table import aten, linear, rule

linear(
    aten.permute.default, aten.transpose.int, aten.t.default, aten.expand.default,
    aten.slice.Tensor, aten.select.int, aten.unsqueeze.default, aten.squeeze.default, aten.squeeze.dim,
    aten.squeeze.dims, aten.flip.default, aten.roll.default, aten.diagonal.default, aten.diag_embed.default, aten.tril.default,
    aten.triu.default, aten.repeat.default, aten.neg.default, aten.sum.default, aten.sum.dim_IntList, aten.mean.default,
    aten.mean.dim, aten.cumsum.default, aten.index.Tensor, aten.index_select.default, aten.gather.default,
    aten.trace.default, aten.unfold.default, aten.avg_pool1d.default, aten.avg_pool2d.default,
    aten._adaptive_avg_pool2d.default, aten.lift_fresh_copy.default, aten.rot90.default,
)  # fmt: skip


@rule(aten.clone.default, aten.alias.default, aten.detach.default, aten.contiguous.default, affine=True)
def same(x: Jet, **options: Any) -> Jet:
    """No copy: rules do not change what they are given."""
    return x.linear(lambda c: c)


@rule(aten.embedding.default, affine=True)
def embedding(x: Jet, places: Tensor, *options: Any) -> Jet:
    """Look up rows."""
    return x.look_up(places, lambda c: aten.embedding.default(c, places, *options))


@rule(aten.view.default, aten.reshape.default, aten._unsafe_view.default, affine=True)
def reshape(x: Jet, shape: Sequence[int]) -> Jet:
    """A coefficient may be an expanded view, which `view` refuses and `reshape` copies."""
    return x.linear(lambda c: c.reshape(shape))


@rule(aten._to_copy.default, affine=True)
def to_copy(x: Jet, **options: Any) -> Any:
    """A cast of each coefficient; a cast to integers or booleans no longer moves with t."""
    kind = options.get("dtype")
    options.pop("layout", None)
    if kind is not None and not kind.is_floating_point:
        return aten._to_copy.default(x.value, **options)
    return x.linear(lambda c: aten._to_copy.default(c, **options))


@rule(aten.copy.default, affine=True)
def copy(x: Any, source: Any, non_blocking: bool = False) -> Any:
    """`source` in the shape and dtype of x."""
    like = value_of(x)
    if not isinstance(source, Jet):
        return aten.copy.default(like, source)
    return source.linear(lambda c: c.to(like.dtype).expand(like.shape))


@rule(aten.cat.default, affine=True)
def concatenate(parts: Sequence[Any], dim: int = 0) -> Jet:
    """Join the coefficients of the parts."""
    return combine(lambda *tensors: torch.cat(tensors, dim), *parts)


@rule(aten.stack.default, affine=True)
def stack(parts: Sequence[Any], dim: int = 0) -> Jet:
    """Join along a new dimension."""
    return combine(lambda *tensors: torch.stack(tensors, dim), *parts)


@rule(aten.split_with_sizes.default, affine=True)
def split_with_sizes(x: Jet, sizes: Sequence[int], dim: int = 0) -> list[Jet]:
    """One jet for each piece."""
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [x.linear(lambda c, s=s, n=n: c.narrow(dim, s, n)) for s, n in zip(starts, sizes, strict=True)]  # type: ignore[misc]


@rule(aten.split.Tensor, affine=True)
def split(x: Jet, size: int, dim: int = 0) -> list[Jet]:
    """Pieces of one size, the last perhaps shorter."""
    length = x.value.shape[dim]
    return split_with_sizes(x, [min(size, length - s) for s in range(0, length, size)], dim)


@rule(aten.unbind.int, affine=True)
def unbind(x: Jet, dim: int = 0) -> list[Jet]:
    """One jet for each index."""
    return [x.linear(lambda c, i=i: c.select(dim, i)) for i in range(x.value.shape[dim])]  # type: ignore[misc]


@rule(aten.constant_pad_nd.default, affine=True)
def pad(x: Jet, widths: Sequence[int], value: float = 0) -> Jet:
    """The padding is a constant: it enters the first coefficient only."""
    return x.affine(lambda c: aten.constant_pad_nd.default(c, widths, value), lambda c: aten.constant_pad_nd.default(c, widths, 0))


@rule(aten.masked_fill.Scalar, aten.masked_fill.Tensor, affine=True)
def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """Entries under the mask become the value."""
    chosen = value_of(mask)
    return combine(lambda c, v: torch.where(chosen, v, c), x, value)


def _scatter(operation: Any) -> None:
    """Register operations that write their second argument into a copy of the first: linear in both jointly."""
    rule(operation, affine=True)(
        lambda x, source, *rest, **options: combine(lambda c, s: operation(c, s, *rest, **options), x, source)
    )


_scatter(aten.slice_scatter.default)
_scatter(aten.select_scatter.default)
_scatter(aten.diagonal_scatter.default)


@rule(aten.index_put.default, affine=True)
def index_put(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Jet:
    """Linear in what is written and what is written over."""
    return combine(lambda c, v: aten.index_put.default(c, indices, v, accumulate), x, values)


@rule(aten.scatter_add.default, affine=True)
def scatter_add(x: Any, dim: int, index: Tensor, source: Any) -> Jet:
    """Linear in both."""
    return combine(lambda c, s: aten.scatter_add.default(c, dim, index, s), x, source)


@rule(aten.scatter.src, affine=True)
def scatter(x: Any, dim: int, index: Tensor, source: Any) -> Jet:
    """Linear in both."""
    return combine(lambda c, s: aten.scatter.src(c, dim, index, s), x, source)


@rule(aten.add.Tensor, aten.add.Scalar, affine=True)
def plus(left: Any, right: Any, *, alpha: float = 1) -> Any:
    """`left` + alpha·right."""
    return add(left, right, alpha)


@rule(aten.sub.Tensor, aten.sub.Scalar, affine=True)
def minus(left: Any, right: Any, *, alpha: float = 1) -> Any:
    """`left` − alpha·right."""
    return add(left, right, -alpha)


@rule(aten.rsub.Scalar, aten.rsub.Tensor, affine=True)
def reversed_minus(left: Any, right: Any, alpha: float = 1) -> Any:
    """`right` − alpha·left."""
    return add(right, left, -alpha)
