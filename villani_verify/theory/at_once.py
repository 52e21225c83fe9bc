"""How many points may be evaluated at once, from what one evaluation keeps in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from villani_verify.landscape import Landscape

NUMBERS_PER_PASS = 1 << 25
"""Kept by the points of one pass: a quarter of a gigabyte in float64."""


def points_at_once(landscape: Landscape, passes: int = 1) -> int:
    """Return how many points to evaluate together, at least one.

    What a loss keeps for its derivative is counted once, at the reference point; it is near to what its intermediate values take.

    Args:
        landscape: F.
        passes: how often a derivative of the loss repeats what the loss itself keeps.
    """
    kept = sum(t.numel() for t in landscape.initial.values())

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    point: dict[str, Any] = {n: t.detach().requires_grad_() for n, t in landscape.initial.items()}
    # Whoever asks may have switched derivatives off, and then nothing at all would be kept.
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(count, lambda x: x):
        for batch in landscape.batches:
            landscape.loss_function(point, batch)
    return max(1, NUMBERS_PER_PASS // (kept * passes))
