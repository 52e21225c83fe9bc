"""Passes over memory that PyTorch makes several of, as one kernel on a GPU; everywhere else the same formulas in PyTorch.

They are written in Triton, which comes with torch for CUDA, and are not differentiable.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch

from villani_verify.errors import one_line

_OLDEST = (7, 0)  # compute capability that Triton knows


def kernels_for(device: torch.device) -> ModuleType | None:
    """Return the kernels for tensors on the device, or None where there are none, or reverse mode is to go back through them."""
    return None if torch.is_grad_enabled() or not has_kernels(device) else _triton("fused")


def sign_kernels_for(device: torch.device) -> ModuleType | None:
    """Return what draws signs on the device, or None where the processor draws them."""
    return _triton("philox") if has_kernels(device) else None


def has_kernels(device: torch.device) -> bool:
    """Say whether kernels run on the device."""
    return device.type == "cuda" and why_no_kernels(device) is None


@lru_cache(maxsize=64)
def why_no_kernels(device: torch.device) -> str | None:
    """Return what keeps kernels from running on a GPU, in a few words, or None if they run; one is tried."""
    if torch.version.cuda is None:
        return "they are for NVIDIA's GPUs"
    if find_spec("triton") is None:
        return "Triton is missing: install triton"
    if torch.cuda.get_device_capability(device) < _OLDEST:
        return "the GPU is older than Triton knows"
    try:
        like = torch.empty(0, device=device)
        _triton("philox").signs(torch.zeros(2, dtype=torch.int64, device=device), 0, 1, like)
    except Exception as error:  # a compiler that is missing, a driver that is too old: Triton may fail in any way
        return f"Triton fails: {one_line(error, 100)}"
    return None


@lru_cache(maxsize=2)
def _triton(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")
