"""The addressed ±1 signs, drawn on a GPU: the bits of NumPy's generator, without a processor's time or a copy.

A block of Philox 4x64-10 (Salmon, Moraes, Dror and Shaw 2011) is 256 signs, and any block can be computed by itself from key and
counter. This module needs Triton, which comes with torch for CUDA; `probes.stacked_signs` draws with it where it is.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_SIGNS_PER_BLOCK = 256
_BLOCKS_PER_PROGRAM = 16


def signs(address: Tensor, name: int, count: int, like: Tensor) -> Tensor:
    """Return the ±1 signs of several probes, shape (K, count), in the dtype and on the device of `like`.

    Args:
        address: the seed, which is the first word of the generator's key, and for each probe its index, the third word of the
            counter; int64 on the same GPU, shape (K + 1,).
        name: the second word of the key, as a signed number of 64 bits.
        count: signs of a probe.
        like: on a GPU.
    """
    out = like.new_empty((len(address) - 1, count))
    if out.numel():
        programs = triton.cdiv(count, _SIGNS_PER_BLOCK * _BLOCKS_PER_PROGRAM)
        with torch.cuda.device_of(like):
            _draw[(programs, len(out))](out, address, name, count, BLOCKS=_BLOCKS_PER_PROGRAM)
    return out


@triton.jit(do_not_specialize=["name", "count"])
def _draw(out, address, name, count, BLOCKS: tl.constexpr):  # type: ignore[no-untyped-def]
    probe = tl.program_id(1).to(tl.int64)
    block = tl.program_id(0).to(tl.uint64) * BLOCKS + tl.arange(0, BLOCKS).to(tl.uint64)
    zero = tl.zeros([BLOCKS], tl.uint64)
    key0 = zero + tl.load(address).to(tl.uint64)
    key1 = zero + name.to(tl.int64).to(tl.uint64)
    # The generator counts before it draws.
    c0, c1, c2, c3 = block + 1, zero, zero + tl.load(address + 1 + probe).to(tl.uint64), zero
    for _ in tl.static_range(10):
        high0 = tl.umulhi(zero + 0xD2E7470EE14C6C93, c0)
        low0 = c0 * 0xD2E7470EE14C6C93
        high1 = tl.umulhi(zero + 0xCA5A826395121157, c2)
        low1 = c2 * 0xCA5A826395121157
        c0, c1, c2, c3 = high1 ^ c1 ^ key0, low1, high0 ^ c3 ^ key1, low0
        key0 += 0x9E3779B97F4A7C15
        key1 += 0xBB67AE8584CAA73B
    lane = tl.arange(0, 64)
    # Byte by byte from the lowest, in each the highest bit first.
    shift = ((lane // 8) * 8 + 7 - lane % 8).to(tl.uint64)[None, :]
    place = (block * 256).to(tl.int64)[:, None] + lane[None, :]
    row = out + probe * count
    for word in tl.static_range(4):
        drawn = c0 if word == 0 else c1 if word == 1 else c2 if word == 2 else c3
        sign = ((drawn[:, None] >> shift) & 1).to(tl.int32) * 2 - 1
        here = place + word * 64
        tl.store(row + here, sign.to(tl.float32).to(out.dtype.element_ty), mask=here < count)
