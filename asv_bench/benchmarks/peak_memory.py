"""Run as a process of its own: load a landscape, compute quadratic forms, print them with the peak memory as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from villani_verify.curvature.engine import engine_for
from villani_verify.environment import peak_memory_bytes

from .cases import CASES, SEED, load


def host_bytes() -> int:
    """Return the most bytes that were resident in this process."""
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux `ru_maxrss` survives exec: a child would report its parent's peak where that is the larger.
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return peak_memory_bytes(torch.device("cpu"))


def main(landscape: str, engine: str, device: str, dtype: str) -> None:
    """Print {"forms": […], "host": bytes, "device": bytes, or 0 where the host is the device}."""
    loaded = load(landscape, device, dtype)
    computer = engine_for(engine)
    forms = computer.quadratic_forms(loaded, loaded.initial, seed=SEED, indices=range(CASES[landscape].probes_on(device, engine)))
    on_device = peak_memory_bytes(torch.device(device)) if device == "cuda" else 0
    print(json.dumps({"forms": forms, "host": host_bytes(), "device": on_device}))


if __name__ == "__main__":
    main(*sys.argv[1:])
