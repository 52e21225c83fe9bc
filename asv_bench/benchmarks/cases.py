"""What is measured: the landscapes with their number of probes, and which of them this machine can take."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

ENGINES = ("taylor", "reverse", "forward-over-reverse")
DEVICES = ("cpu", "cuda")
SEED = 0
"""Of the probes."""
LARGE = "VILLANI_BENCH_LARGE"
"""Environment variable that asks for the large landscapes; any value but the empty one."""


@dataclass(frozen=True)
class Case:
    """A landscape of the zoo, and how much work is done on it.

    Attributes:
        num_probes: probes of one timed call. A pass may serve several, so the time per probe depends on it.
        repeats: timed calls, of which the median counts.
        gibibytes: memory below which it is skipped, the accuracy check in float64 included; above 0 only on request.
    """

    num_probes: int
    repeats: int
    gibibytes: float = 0.0


CASES = {
    "gpt-neo-tiny": Case(num_probes=16, repeats=5),
    "gpt-neo-small": Case(num_probes=8, repeats=5),
    "gpt-neo-125m": Case(num_probes=2, repeats=3, gibibytes=10.0),
}


def skip_unless_possible(landscape: str, device: str) -> None:
    """Raise NotImplementedError, which asv takes for a skip, if this machine lacks the device or the memory."""
    if device == "cuda" and not torch.cuda.is_available():
        raise NotImplementedError("no CUDA device")
    needed = CASES[landscape].gibibytes
    if needed and not os.environ.get(LARGE):
        raise NotImplementedError(f"{landscape} is large: set {LARGE}=1 to measure it")
    if needed and memory_bytes(device) < needed * 2**30:
        raise NotImplementedError(f"{landscape} needs {needed:g} GiB on {device}")


def memory_bytes(device: str) -> int:
    """Return the memory of the device, or of the machine for "cpu"."""
    if device == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def load(landscape: str, device: str) -> Landscape:
    """Return the landscape in its own dtype, on the embedded text."""
    return LandscapeRequest(landscape=landscape, device=device).load()
