"""What this machine is and which versions ran: the part of a result that explains small differences."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

_PACKAGES = ("villani-verify", "torch", "transformers", "numpy", "hypothesis", "datasets")

_ASK_DRIVER = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Return versions, processor, device and memory as plain values."""
    about: dict[str, Any] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": str(device),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
    }
    if device.type == "cuda":
        about["device_name"] = torch.cuda.get_device_name(device)
        about["device_memory_bytes"] = torch.cuda.get_device_properties(device).total_memory
        about["driver"] = _driver()
    return about


def _driver() -> str | None:
    """Return the version of NVIDIA's driver, where its own tool tells."""
    try:
        done = subprocess.run(_ASK_DRIVER, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else None


def peak_memory_bytes(device: torch.device) -> int:
    """Return the high-water mark: of the device's allocator on CUDA, of the process's resident set otherwise."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss, which on Linux a process inherits from the one that started it.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource  # not on Windows, so only where it is asked for

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if platform.system() == "Darwin" else 1024)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
