"""The C library's allocator, set up for programs that make large tensors of the same sizes again and again."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # names of <malloc.h>


def keep_freed_memory() -> bool:
    """Let the process keep memory that it frees, for its next tensor; return whether the allocator could be told to.

    By default glibc gives every block of more than 32 MiB back to the kernel, which clears and maps it page by page when
    it is asked for again: up to half of the time of a pass over a large model. The setting is the whole process's, so it is
    for programs, not for libraries. Without glibc nothing is done.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
