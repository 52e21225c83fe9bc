"""A smaller input that fails at the same place."""

from __future__ import annotations

import time
from collections.abc import Callable


def minimised(data: bytes, still: Callable[[bytes], bool], *, seconds: float) -> bytes:
    """Return what is left of an input after pieces were taken out of it, from half of it down to one byte.

    Args:
        data: the input.
        still: whether a smaller one shows the same.
        seconds: after which the smallest one so far is returned.
    """
    end = time.monotonic() + seconds
    size = len(data) // 2
    while size >= 1:
        at = 0
        while at < len(data):
            if time.monotonic() > end:
                return data
            smaller = data[:at] + data[at + size :]
            if still(smaller):
                data = smaller
            else:
                at += size
        size //= 2
    return data
