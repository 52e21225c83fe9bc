"""Large tensors that do not stay: their memory is no part of what the C library's allocator keeps."""

from __future__ import annotations

import math
import mmap
import sys

import torch

_BLOCK_OF_ITS_OWN = 1 << 28
# Shared memory, which is what mmap takes by itself, has no huge pages, and a forked process would write into ours.
_PRIVATE: dict[str, int] = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if sys.platform != "win32" else {}


def zeros_for_a_while(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """Return zeros with the dtype and device of `like`, whose memory goes back to the kernel as soon as nobody holds them.

    A program that keeps freed memory (see `allocator`) would cut a large block into small ones, and take another for the next.
    """
    size = math.prod(shape) * like.dtype.itemsize
    if like.device.type != "cpu" or size < _BLOCK_OF_ITS_OWN:
        return torch.zeros(shape, dtype=like.dtype, device=like.device)
    try:
        block = mmap.mmap(-1, size, **_PRIVATE)
    except (OSError, OverflowError) as e:
        raise MemoryError(f"{size:,} bytes") from e
    return torch.frombuffer(block, dtype=like.dtype).view(shape)
