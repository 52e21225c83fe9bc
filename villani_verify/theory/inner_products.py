"""Inner products in float64 of vectors of any precision, block by block, as wide copies would take twice the vectors' memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_BLOCK = 1 << 16
"""Numbers of a vector that a processor widens in one go: half a megabyte, which stays in its cache."""
_BLOCK_OF_A_GPU = 1 << 22
"""It needs longer ones, or starting a kernel costs more than what the kernel does."""


def wide_blocks(*rows: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield tensors of shapes (K_i, d) in float64, so many columns of all of them at a time."""
    size = _BLOCK if rows[0].device.type == "cpu" else _BLOCK_OF_A_GPU
    for parts in zip(*(t.split(size, 1) for t in rows), strict=True):
        yield tuple(part.double() for part in parts)


def row_products(first: Tensor, second: Tensor) -> Tensor:
    """Return a_k · b_k of the rows of two tensors of shape (K, d); shape (K,), float64."""
    total = torch.zeros(len(first), dtype=torch.float64, device=first.device)
    for a, b in wide_blocks(first, second):
        total += torch.linalg.vecdot(a, b)
    return total


def gram(rows: Tensor) -> Tensor:
    """Return a_i · a_j of all rows of a tensor of shape (K, d); shape (K, K), float64."""
    total = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows.device)
    for (a,) in wide_blocks(rows):
        total += a @ a.T
    return total
