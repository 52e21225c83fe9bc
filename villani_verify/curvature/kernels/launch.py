"""How kernels are started on rows."""

from __future__ import annotations

BLOCK_SIZE = 2048
"""Numbers that a program reads at a time, of rows of any length."""
LONGEST_ROW = 1 << 13
"""Numbers of the longest row that a program holds as a whole."""


def warps_for(block: int) -> int:
    """Return the warps of a program that holds a row of `block` numbers: eight numbers a thread, at most eight warps."""
    return max(1, min(8, block // 256))
