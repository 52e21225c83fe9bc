from __future__ import annotations

import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
import numpy as np
from villani_verify.allocator import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
np.ones(1 << 24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_memory_is_mapped_once() -> None:
    """Ten arrays of 128 MiB: mapped anew each time they fault on every page (or huge page), kept they do not."""
    faults = {
        keep: int(subprocess.run([sys.executable, "-c", _FAULTS.format(keep=keep)], capture_output=True, check=True).stdout)
        for keep in (False, True)
    }
    assert faults[False] >= 10 * 64
    assert faults[True] < faults[False] / 10


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from villani_verify import allocator

    def missing(name: str) -> None:
        raise OSError(f"no {name}")

    monkeypatch.setattr(allocator.ctypes, "CDLL", missing)
    assert not allocator.keep_freed_memory()
