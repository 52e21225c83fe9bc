"""Passes over memory that PyTorch makes several of, as one kernel on a GPU; everywhere else the same formulas in PyTorch.

They are written in Triton, which comes with torch for CUDA, and are not differentiable.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch


def kernels_for(device: torch.device) -> ModuleType | None:
    """Return the kernels for tensors on the device, or None where there are none, or reverse mode is to go back through them."""
    return None if torch.is_grad_enabled() or not has_kernels(device) else _triton("passes")


def draws_signs(device: torch.device) -> ModuleType | None:
    """Return what draws signs on the device, or None where the processor draws them."""
    return _triton("philox") if has_kernels(device) else None


def has_kernels(device: torch.device) -> bool:
    """Say whether there are kernels: on NVIDIA's GPUs, with Triton."""
    return device.type == "cuda" and torch.version.cuda is not None and _has_triton()


@lru_cache(maxsize=1)
def _has_triton() -> bool:
    return find_spec("triton") is not None


@lru_cache(maxsize=2)
def _triton(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")
