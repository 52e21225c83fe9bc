"""What a landscape is, in a few digits: two with the same digest have the same loss, weights and data."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from villani_verify.landscape import Landscape
from villani_verify.landscapes.code import code_in


def loss_digest(landscape: Landscape) -> str:
    """Return 128 bits over θ₀, the batches and the loss there; weight decay and device do not count.

    The loss stands for its code, which cannot be looked into: three digits of L(θ₀), as more may depend on the number of threads
    and the processor. Of a landscape from a Python file the file's text counts as well.
    """
    state = hashlib.blake2b(landscape.name.encode("utf-8", "surrogatepass") + b"\0", digest_size=16)
    for name, tensor in landscape.initial.items():
        _add(state, name, tensor)
    for i, (weight, batch) in enumerate(zip(landscape.batch_weights, landscape.batches, strict=True)):
        state.update(f"{weight!r}\0".encode())
        _add(state, f"batch {i}", batch)
    state.update(f"{landscape.loss(landscape.initial):.2e}\0".encode())
    code = code_in((landscape.request or {}).get("landscape"))
    if code is not None:
        state.update(Path(code[0]).read_bytes())
    return state.hexdigest()


def _add(state: Any, name: str, value: Any) -> None:
    if isinstance(value, Tensor):
        state.update(f"{name} {tuple(value.shape)} {value.dtype}\0".encode())
        state.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(value, tuple | list):
        for i, part in enumerate(value):
            _add(state, f"{name}, {i}", part)
    else:
        state.update(f"{name} {value!r}\0".encode())
