from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from villani_verify.large_blocks import zeros_for_a_while
from villani_verify.memory import is_out_of_memory


@pytest.mark.parametrize("least", [1, 1 << 28])
def test_zeros_for_a_while_are_zeros_to_be_written_to(least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("villani_verify.large_blocks._BLOCK_OF_ITS_OWN", least)
    made = zeros_for_a_while((2, 3, 5), torch.ones(1, dtype=torch.float32))
    assert made.dtype == torch.float32
    assert torch.equal(made, torch.zeros(2, 3, 5))
    made[1, 2] = 7
    assert made.sum() == 35


_HOLES = """
import torch
from villani_verify.allocator import keep_freed_memory
from villani_verify.large_blocks import zeros_for_a_while
keep_freed_memory()
like, kept = torch.zeros(1), []
def most():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = most()
for _ in range(4):
    block = {make}
    block.fill_(1)
    kept.append(torch.ones(1 << 10))  # above the block, so that the heap does not shrink
    del block
    kept.append(torch.ones(1 << 24))  # in its hole
print(most() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is what keeps memory")
def test_blocks_for_a_while_are_not_cut_up_by_what_is_kept() -> None:
    """Four blocks of 512 MiB one after the other, and four tensors of 64 MiB that stay."""

    def most(make: str) -> float:
        script = _HOLES.format(make=make)
        return int(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout) / 1024

    assert most("zeros_for_a_while((1 << 27,), like)") < 512 + 4 * 64 + 50
    assert most("torch.zeros(1 << 27)") > 2 * 512


def test_no_block_is_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("villani_verify.large_blocks.mmap.mmap", refused)
    with pytest.raises(MemoryError) as found:
        zeros_for_a_while((1 << 28,), torch.zeros(1, dtype=torch.uint8))
    assert is_out_of_memory(found.value)
