"""The first- and second-order coefficients of softmax and its logarithm, from weights that all lines share; sums in float64."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from villani_verify.curvature.kernels.launch import BLOCK_SIZE, LONGEST_ROW, warps_for


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
                rows, weights.contiguous(), largest.contiguous(), out, rows.shape[-1], rows.stride(1), BLOCK=BLOCK_SIZE
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
    if count > LONGEST_ROW:
        return None
    rows = rows.contiguous()
    first, second = torch.empty_like(rows), torch.empty_like(rows)
    block = triton.next_power_of_2(count)
    if rows.numel():
        with torch.cuda.device_of(rows):
            _softmax[(rows.shape[1], len(rows))](
                rows, weights.contiguous(), largest.contiguous(), first, second, count, BLOCK=block,
                num_warps=warps_for(block),
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
