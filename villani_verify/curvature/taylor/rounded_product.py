"""Products with a matrix whose factors may be rounded, in the shape in which tensor cores are fast.

A GPU's fast products want rows of whole 16-byte pieces. A vocabulary of 50,257 words is odd: its products then fall back to kernels
many times slower. So the matrix gets columns of zeros, and the result is a view without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from villani_verify.curvature.taylor.table import matrix_product

_PIECE = 16
# Narrower matrices are not worth a copy.
_WIDE = 1024


def rows_times_matrix(rows: Tensor, matrix: Tensor, rounding: torch.dtype | None = None) -> Tensor:
    """Return rows @ matrix, in the dtype of that product without rounding.

    Args:
        rows: shape (…, n).
        matrix: shape (n, m), or more dimensions before these.
        rounding: dtype to which both factors are rounded; None for not at all.
    """
    kind = torch.promote_types(rows.dtype, matrix.dtype)
    if not rows.is_cuda or torch.is_grad_enabled() or rows.dim() < 2 or matrix.dim() != 2:
        return matrix_product(rows, matrix) if rounding is None else torch.matmul(rows.to(rounding), matrix.to(rounding)).to(kind)
    factors = [t.to(rounding or kind) for t in (rows, matrix)]
    columns = matrix.shape[-1]
    if columns >= _WIDE and _on_tensor_cores(factors[0].dtype):
        factors[1] = _padded(factors[1])
    flat = factors[0].flatten(0, -2)
    # Sums are made in float32 anyway: they need not be rounded on their way out.
    whole = torch.mm(flat, factors[1]) if rounding is None or kind != torch.float32 else torch.mm(flat, factors[1], out_dtype=kind)
    return whole[:, :columns].unflatten(0, rows.shape[:-1]).to(kind)


@contextmanager
def rounded_factors(rounding: torch.dtype | None, device: torch.device) -> Iterator[None]:
    """Let a GPU round the factors of all other float32 products too, to TF32, where those of the large ones are rounded anyway."""
    if rounding is None or device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _on_tensor_cores(kind: torch.dtype) -> bool:
    return kind in (torch.bfloat16, torch.float16) or (kind == torch.float32 and torch.get_float32_matmul_precision() != "highest")


def _padded(matrix: Tensor) -> Tensor:
    """Return the matrix with columns of zeros, so that its rows are whole pieces; laid out as it was."""
    missing = -matrix.shape[1] % (_PIECE // matrix.element_size())
    if not missing:
        return matrix
    if matrix.stride(0) == 1:  # a transposed one
        return torch.nn.functional.pad(matrix.T, (0, 0, 0, missing)).T
    return torch.nn.functional.pad(matrix, (0, missing))
