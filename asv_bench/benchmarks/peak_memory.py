"""Run as a process of its own: load a landscape, compute quadratic forms, print them with the peak memory as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from villani_verify.curvature.engine import engine_for
from villani_verify.environment import peak_memory_bytes

from .cases import CASES, SEED, load


def high_water_mark(device: str) -> int:
    """Return the most bytes held so far: by the allocator on CUDA, resident in this process otherwise."""
    status = Path("/proc/self/status")
    if device == "cpu" and status.exists():
        # On Linux `ru_maxrss` survives exec: a child would report its parent's peak where that is the larger.
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return peak_memory_bytes(torch.device(device))


def main(landscape: str, engine: str, device: str) -> None:
    """Print {"forms": […], "peak_memory_bytes": …}."""
    loaded = load(landscape, device)
    computer = engine_for(engine)
    forms = computer.quadratic_forms(loaded, loaded.initial, seed=SEED, indices=range(CASES[landscape].num_probes))
    print(json.dumps({"forms": forms, "peak_memory_bytes": high_water_mark(device)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
