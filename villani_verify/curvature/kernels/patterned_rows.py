"""Products with a matrix of patterned rows, added where they belong."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from villani_verify.curvature.kernels.launch import BLOCK_SIZE


def add_patterned(out: Tensor, products: Tensor, signs: Tensor) -> None:
    """Add products[k, t, i mod G] signs[k, i] to out[k, t, i].

    Args:
        out: (K, T, n), contiguous along the last dimension, changed.
        products: (K, T, G).
        signs: (K, n).
    """
    if out.numel():
        with torch.cuda.device_of(out):
            blocks = triton.cdiv(out.shape[-1], BLOCK_SIZE)
            _add_patterned[(out.shape[1] * blocks, len(out))](
                out, products.contiguous(), signs.contiguous(), out.shape[-1], products.shape[-1], out.shape[1], out.stride(0),
                out.stride(1), blocks, BLOCK=BLOCK_SIZE,
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
