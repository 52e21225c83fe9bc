"""What is measured: the landscapes with their number of probes, and which of them this machine can take.

Imports nothing heavy before it is needed: asv starts a process for each combination of parameters, also for those that are skipped.
"""

from __future__ import annotations

import os
from ctypes.util import find_library
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from villani_verify.landscape import Landscape

ENGINES = ("taylor", "reverse", "forward-over-reverse")
DEVICES = ("cpu", "cuda")
DTYPES = ("float32", "float64")
SEED = 0
"""Of the probes."""
PROBES_ON_GPU, FEW_PROBES_ON_GPU = 256, 8
"""Of one timed call, at least: for the engine that has passes of many probes, and for the others."""
LARGE = "VILLANI_BENCH_LARGE"
"""Environment variable that asks for the large landscapes; any value but the empty one."""


@dataclass(frozen=True)
class Case:
    """A landscape of the zoo, and how much work is done on it.

    Attributes:
        num_probes: probes of one timed call on a processor. A pass may serve several, so the time per probe depends on it.
        repeats: timed calls, of which the median counts.
        gibibytes: memory in float32 below which it is skipped, the accuracy check in float64 included; above 0 only on request.
    """

    num_probes: int
    repeats: int
    gibibytes: float = 0.0

    def probes_on(self, device: str, engine: str) -> int:
        """Return the probes of one timed call: on a GPU as many as keep it busy, for an engine that has passes of many."""
        if device != "cuda":
            return self.num_probes
        return max(self.num_probes, PROBES_ON_GPU if engine == "taylor" else FEW_PROBES_ON_GPU)


# From small to large: the dashboard judges a machine by the last one that it has measured.
CASES = {
    "gpt-neo-tiny": Case(num_probes=16, repeats=5),
    "gpt-neo-small": Case(num_probes=8, repeats=5),
    "gpt-neo-125m": Case(num_probes=2, repeats=3, gibibytes=10.0),
}


def skip_unless_possible(landscape: str, device: str, dtype: str = "float32") -> None:
    """Raise NotImplementedError, which asv takes for a skip, if this machine lacks the device or the memory."""
    if device == "cuda" and not has_cuda():
        raise NotImplementedError("no CUDA device")
    needed = CASES[landscape].gibibytes * (2 if dtype == "float64" else 1)
    if needed and not os.environ.get(LARGE):
        raise NotImplementedError(f"{landscape} is large: set {LARGE}=1 to measure it")
    if needed and memory_bytes(device) < needed * 2**30:
        raise NotImplementedError(f"{landscape} needs {needed:g} GiB on {device}")


def has_cuda() -> bool:
    """Say whether torch can use a GPU of NVIDIA's; without the driver's library torch is not asked."""
    if find_library("cuda") is None:
        return False
    import torch

    return torch.cuda.is_available()


def memory_bytes(device: str) -> int:
    """Return the memory of the device, or of the machine for "cpu"."""
    if device == "cuda":
        import torch

        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def load(landscape: str, device: str, dtype: str | None = None) -> Landscape:
    """Return the landscape on the embedded text, in its own dtype unless another is asked for."""
    from villani_verify.landscapes.request import LandscapeRequest

    return LandscapeRequest(landscape=landscape, device=device, dtype=dtype).load()
