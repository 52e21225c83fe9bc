"""Where a kernel is started."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def device_of(x: Tensor) -> AbstractContextManager[None]:
    """Make the tensor's GPU the current one, as Triton wants it; with tensors of a processor Triton interprets kernels."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()
