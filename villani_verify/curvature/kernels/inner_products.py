"""Inner products of a stack with an adjoint.

They are made in float64 whatever the tensors are: the rate of memory is the bound either way.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from villani_verify.curvature.kernels.launch import BLOCK_SIZE

_MOST_PARTS = 64


def inner(stack: Tensor, weights: Tensor, *, squared: bool = False) -> Tensor:
    """Return Σ w a, or Σ w a², for each tensor a of a stack (K, …), float64, shape (K,); see `sources.inner`."""
    rows, weights = stack.reshape(len(stack), weights.numel()), weights.reshape(-1).contiguous()
    if rows.stride(-1) != 1:
        rows = rows.contiguous()
    count = weights.numel()
    parts = max(1, min(_MOST_PARTS, count // (2 * BLOCK_SIZE)))
    sums = torch.empty((len(rows), parts), dtype=torch.float64, device=rows.device)
    each = triton.cdiv(triton.cdiv(count, parts), BLOCK_SIZE) * BLOCK_SIZE
    if not rows.numel():
        return sums.zero_()[:, 0]
    with torch.cuda.device_of(rows):
        _inner[(parts, len(rows))](rows, weights, sums, count, each, rows.stride(0), SQUARED=squared, BLOCK=BLOCK_SIZE)
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
