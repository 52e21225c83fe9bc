"""Inner products with an adjoint, softmax, and patterned rows: each reads its tensors once.

Sums are made in float64 whatever the tensors are: the rate of memory is the bound either way. Every result has one order of
summation, so that it is the same in every run.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 2048
_LONGEST_ROW = 1 << 13
_MOST_PARTS = 64


def inner(stack: Tensor, weights: Tensor, *, squared: bool = False) -> Tensor:
    """Return Σ w a, or Σ w a², for each tensor a of a stack (K, …), float64, shape (K,); see `sources.inner`."""
    rows, weights = stack.reshape(len(stack), weights.numel()), weights.reshape(-1).contiguous()
    if rows.stride(-1) != 1:
        rows = rows.contiguous()
    count = weights.numel()
    parts = max(1, min(_MOST_PARTS, count // (2 * _BLOCK)))
    sums = torch.empty((len(rows), parts), dtype=torch.float64, device=rows.device)
    each = triton.cdiv(triton.cdiv(count, parts), _BLOCK) * _BLOCK
    if not rows.numel():
        return sums.zero_()[:, 0]
    with torch.cuda.device_of(rows):
        _inner[(parts, len(rows))](rows, weights, sums, count, each, rows.stride(0), SQUARED=squared, BLOCK=_BLOCK)
    return sums.sum(1)


@triton.jit
def _inner(  # type: ignore[no-untyped-def]
    rows, weights, sums, count, each, row_stride, SQUARED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    part, k = tl.program_id(0), tl.program_id(1).to(tl.int64)
    lane = tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float64)
    start = part.to(tl.int64) * each
    for offset in range(0, each, BLOCK):
        here = start + offset + lane
        inside = here < count
        a = tl.load(rows + k * row_stride + here, mask=inside, other=0).to(tl.float64)
        w = tl.load(weights + here, mask=inside, other=0).to(tl.float64)
        total += w * a * a if SQUARED else w * a
    tl.store(sums + k * tl.num_programs(0) + part, tl.sum(total))


def spread(rows: Tensor, weights: Tensor, largest: Tensor) -> Tensor:
    """Return Σ w (c − Σ w c)² for each row c of a stack (K, R, V), shape (K, R).

    With s = c − c at the largest weight w*, it is Σ w s² − (Σ w s)². As (Σ w s)² ≤ (1 − w*) Σ w s², the difference is at least
    w* Σ w s², and in float64 nothing is lost that float32 would show.

    Args:
        rows: c; not copied where a row is contiguous and rows follow each other at one distance.
        weights: w, shape (R, V).
        largest: the place of the largest weight in each row, shape (R, 1).
    """
    if rows.stride(-1) != 1 or rows.stride(0) != rows.stride(1) * rows.shape[1]:
        rows = rows.contiguous()
    out = rows.new_empty(rows.shape[:2])
    if out.numel():
        with torch.cuda.device_of(rows):
            _spread[(rows.shape[1], len(rows))](
                rows, weights.contiguous(), largest.contiguous(), out, rows.shape[-1], rows.stride(1), BLOCK=_BLOCK
            )
    return out


@triton.jit
def _spread(rows, weights, largest, out, count, row_stride, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    r, k = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    row = k * tl.num_programs(0) + r
    lane = tl.arange(0, BLOCK)
    base = rows + row * row_stride
    shift = tl.load(base + tl.load(largest + r))
    first, second = tl.zeros([BLOCK], tl.float64), tl.zeros([BLOCK], tl.float64)
    for offset in range(0, count, BLOCK):
        here = offset + lane
        inside = here < count
        s = tl.where(inside, tl.load(base + here, mask=inside, other=0) - shift, 0).to(tl.float64)
        ws = tl.load(weights + r * count + here, mask=inside, other=0).to(tl.float64) * s
        first += ws
        second += ws * s
    mean = tl.sum(first)
    tl.store(out + row, (tl.sum(second) - mean * mean).to(out.dtype.element_ty))


def softmax(rows: Tensor, weights: Tensor, largest: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return w c' and ½ w (c'² − Σ w c'²), c' = c − Σ w c, for each row c of a stack (K, R, V); None where rows are too long.

    Args:
        rows: c.
        weights: w, shape (R, V).
        largest: the place of the largest weight in each row, shape (R, 1).
    """
    count = rows.shape[-1]
    if count > _LONGEST_ROW:
        return None
    rows = rows.contiguous()
    first, second = torch.empty_like(rows), torch.empty_like(rows)
    block = triton.next_power_of_2(count)
    if rows.numel():
        with torch.cuda.device_of(rows):
            _softmax[(rows.shape[1], len(rows))](
                rows, weights.contiguous(), largest.contiguous(), first, second, count, BLOCK=block,
                num_warps=max(1, min(8, block // 256)),
            )  # fmt: skip
    return first, second


@triton.jit
def _softmax(rows, weights, largest, first, second, count, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    r, k = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    start = (k * tl.num_programs(0) + r) * count
    lane = tl.arange(0, BLOCK)
    inside = lane < count
    shift = tl.load(rows + start + tl.load(largest + r))
    s = tl.where(inside, tl.load(rows + start + lane, mask=inside, other=0) - shift, 0)
    w = tl.load(weights + r * count + lane, mask=inside, other=0)
    centred = s - tl.sum((w * s).to(tl.float64)).to(s.dtype)
    moved = w * centred
    half = 0.5 * moved * centred
    tl.store(first + start + lane, moved, mask=inside)
    tl.store(second + start + lane, half - w * tl.sum(half.to(tl.float64)).to(s.dtype), mask=inside)


def add_patterned(out: Tensor, products: Tensor, signs: Tensor) -> None:
    """Add products[k, t, i mod G] signs[k, i] to out[k, t, i].

    Args:
        out: (K, T, n), contiguous along the last dimension, changed.
        products: (K, T, G).
        signs: (K, n).
    """
    if out.numel():
        with torch.cuda.device_of(out):
            blocks = triton.cdiv(out.shape[-1], _BLOCK)
            _add_patterned[(out.shape[1] * blocks, len(out))](
                out, products.contiguous(), signs.contiguous(), out.shape[-1], products.shape[-1], out.shape[1], out.stride(0),
                out.stride(1), blocks, BLOCK=_BLOCK,
            )  # fmt: skip


@triton.jit
def _add_patterned(  # type: ignore[no-untyped-def]
    out, products, signs, count, patterns, tall, line_stride, row_stride, blocks, BLOCK: tl.constexpr,
):  # fmt: skip
    t, k = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(1).to(tl.int64)
    here = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    inside = here < count
    place = out + k * line_stride + t * row_stride + here
    sign = tl.load(signs + k * count + here, mask=inside, other=0)
    product = tl.load(products + (k * tall + t) * patterns + here % patterns, mask=inside, other=0)
    tl.store(place, tl.load(place, mask=inside, other=0) + sign * product, mask=inside)


def layer_norm(
    moved: Tensor, normal: Tensor, scale: Tensor, weight: tuple[Tensor, Tensor] | None, bias: Tensor | None, *, crossed: bool
) -> tuple[Tensor, Tensor] | None:
    """Return a_1 and a_2 of a normalised row, scaled and shifted, for each row of a stack; None where rows are too long.

    With u = r (x_1 − mean x_1), p = mean N u, s = mean u², as in `collapsed_rules.layer_norm`, they are

        (u − p N) w_0 + N w_1 + b_1    and    (N (3/2 p² − ½ s) − p u) w_0, and if `crossed` also (u − p N) w_1.

    Args:
        moved: x_1, shape (K, R, n).
        normal: N, shape (R, n).
        scale: r, shape (R,).
        weight: w_0, shape (n,), and w_1, shape (K, n); None for 1 and 0.
        bias: b_1, shape (K, n); None for 0.
        crossed: whether w_1 may depend on x_1.
    """
    count = moved.shape[-1]
    if count > _LONGEST_ROW:
        return None
    moved, normal = moved.contiguous(), normal.contiguous()
    first, second = torch.empty_like(moved), torch.empty_like(moved)
    fixed, turned = (normal, normal) if weight is None else (weight[0].contiguous(), weight[1].contiguous())
    shift = normal if bias is None else bias.contiguous()
    block = triton.next_power_of_2(count)
    if moved.numel():
        with torch.cuda.device_of(moved):
            _layer_norm[(moved.shape[1], len(moved))](
                moved, normal, scale.contiguous(), fixed, turned, shift, first, second, count, WEIGHT=weight is not None,
                BIAS=bias is not None, CROSSED=crossed, BLOCK=block, num_warps=max(1, min(8, block // 256)),
            )  # fmt: skip
    return first, second


@triton.jit
def _layer_norm(  # type: ignore[no-untyped-def]
    moved, normal, scale, fixed, turned, bias, first, second, count, WEIGHT: tl.constexpr, BIAS: tl.constexpr,
    CROSSED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    r, k = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    lane = tl.arange(0, BLOCK)
    inside = lane < count
    start = (k * tl.num_programs(0) + r) * count + lane
    x = tl.load(moved + start, mask=inside, other=0)
    n = tl.load(normal + r * count + lane, mask=inside, other=0)
    mean = (tl.sum(x.to(tl.float64)) / count).to(x.dtype)
    u = tl.where(inside, (x - mean) * tl.load(scale + r), 0)
    p = (tl.sum((n * u).to(tl.float64)) / count).to(x.dtype)
    s = (tl.sum((u * u).to(tl.float64)) / count).to(x.dtype)
    slope, curve = u - p * n, n * (1.5 * p * p - 0.5 * s) - p * u
    if WEIGHT:
        w = tl.load(fixed + lane, mask=inside, other=0)
        v = tl.load(turned + k * count + lane, mask=inside, other=0)
        curve = curve * w + slope * v if CROSSED else curve * w
        slope = slope * w + n * v
    if BIAS:
        slope += tl.load(bias + k * count + lane, mask=inside, other=0)
    tl.store(first + start, slope, mask=inside)
    tl.store(second + start, curve, mask=inside)
