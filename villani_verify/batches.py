"""Batches of data: how many terms they have, and how to cut and move them.

A batch is a tensor of tokens, a pair (inputs, targets), or anything that the loss understands.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Batch = Any


def count_terms(targets: Any) -> float:
    """Return the number of terms in the mean over these targets."""
    if not isinstance(targets, Tensor):
        return float(len(targets))
    # −100 is torch's mark for a target that the cross-entropy leaves out.
    return float((targets != -100).sum()) if not targets.is_floating_point() else float(targets.numel())


def rows(batch: Batch) -> int:
    """Return the number of rows into which a batch can be cut; 1 where it cannot."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.dim() else 1
    if isinstance(batch, tuple) and len(batch) == 2 and all(isinstance(t, Tensor) and t.dim() for t in batch):
        return len(batch[0]) if len(batch[0]) == len(batch[1]) else 1
    return 1


def cut(batch: Batch, part: slice) -> Batch:
    """Return some rows of a batch."""
    return batch[part] if isinstance(batch, Tensor) else tuple(t[part] for t in batch)


def move(batch: Batch, device: torch.device, dtype: torch.dtype) -> Batch:
    """Return a batch on another device, its floating-point tensors cast."""
    if isinstance(batch, Tensor):
        return batch.to(device, dtype if batch.is_floating_point() else batch.dtype)
    if isinstance(batch, tuple | list):
        return type(batch)(move(b, device, dtype) for b in batch)
    return batch
