"""Random tensors that are addressed, not streamed: signs and normals by (seed, index, tensor name).

A counter-based generator (Philox 4x64; Salmon, Moraes, Dror and Shaw 2011) is keyed by the seed and
the tensor's name and started at a counter that holds the probe's index. So any worker, device, batch
split or order of parameters draws the same bits, and a run can be split or resumed without changing
its result.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from villani_verify.curvature.kernels import sign_kernels_for
from villani_verify.curvature.probe_addresses import LOW_64_BITS, address_on


@lru_cache(maxsize=4096)
def _word(purpose: str, name: str, *, signed: bool = False) -> int:
    return int.from_bytes(hashlib.blake2b(f"{purpose}\0{name}".encode(), digest_size=8).digest(), "little", signed=signed)


class _OfThread(threading.local):
    """A generator for each thread, which is moved from address to address.

    A new one costs five times as much, as it asks the system for entropy before it is told its key.
    """

    def __init__(self) -> None:
        self.generator = np.random.Philox(key=0)
        self.state: Any = self.generator.state  # with an empty buffer


_OF_THREAD = _OfThread()


def _bit_generator(purpose: str, seed: int, index: int, name: str) -> np.random.Philox:
    """Return the thread's generator at an address; whoever has it draws all there is to draw before asking for the next."""
    here, words = _OF_THREAD.state, _OF_THREAD.state["state"]
    words["key"][0] = seed & LOW_64_BITS
    words["key"][1] = _word(purpose, name)
    # The index sits in the third counter word: consecutive probes are 2^128 draws apart and never overlap.
    words["counter"][2] = index & LOW_64_BITS
    _OF_THREAD.generator.state = here
    return _OF_THREAD.generator


def derive_seed(seed: int, *labels: object) -> int:
    """Return a 63-bit seed for a named part of the work, so that no two parts share probes.

    Args:
        seed: the user's.
        labels: names and numbers of the part; their text counts.
    """
    text = "\0".join(map(str, (seed, *labels)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def signs(name: str, shape: torch.Size | tuple[int, ...], *, seed: int, index: int, like: Tensor) -> Tensor:
    """Return the ±1 signs of probe `index` for the tensor `name`.

    Bits are drawn 64 at a time and unpacked 16 at a time by a table: two to three times faster than drawing integers.

    Args:
        name: name of the parameter; part of the address.
        shape: shape of the tensor.
        seed: any integer; its low 64 bits are used.
        index: which probe, from 0.
        like: the result has this tensor's dtype and device.

    Returns:
        Tensor of `shape` with entries −1 and +1, each with probability one half.
    """
    return stacked_signs(name, shape, seed=seed, indices=(index,), like=like)[0]


def stacked_signs(name: str, shape: torch.Size | tuple[int, ...], *, seed: int, indices: Sequence[int], like: Tensor) -> Tensor:
    """Return the signs of several probes for one tensor, shape `(K, *shape)`; see `signs`."""
    count = math.prod(shape)
    on_gpu = sign_kernels_for(like.device)
    if on_gpu is not None:
        address = address_on(like.device, seed, indices)
        return on_gpu.signs(address, _word("signs", name, signed=True), count, like).reshape(len(indices), *shape)
    words = np.stack([_bit_generator("signs", seed, k, name).random_raw((count + 63) // 64) for k in indices])
    rows = torch.from_numpy(words.astype("<u8", copy=False).view("<i2")).to(like.device)
    signed = torch.index_select(_sign_table(like.dtype, like.device), 0, rows.view(-1).int() + _HALF)
    return signed.view(len(indices), -1)[:, :count].reshape(len(indices), *shape)


_HALF = 1 << 15


@lru_cache(maxsize=8)
def _sign_table(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the ±1 signs of the bits of the 16-bit integers from −2¹⁵, shape (65536, 16): byte by byte, highest bit first."""
    numbers = np.arange(-_HALF, _HALF, dtype="<i2")
    bits = np.unpackbits(numbers.view(np.uint8)).reshape(-1, 16)
    return torch.from_numpy(bits).to(device, dtype).mul_(2).sub_(1)


def normals(name: str, shape: torch.Size | tuple[int, ...], *, seed: int, index: int, like: Tensor) -> Tensor:
    """Return independent standard normal numbers for the tensor `name`, addressed as `signs` are.

    Drawn in float32 where `like` has at most float32, in float64 otherwise.
    """
    precision = np.float64 if like.dtype == torch.float64 else np.float32
    generator = np.random.Generator(_bit_generator("normals", seed, index, name))
    drawn = generator.standard_normal(math.prod(shape), dtype=precision)
    return torch.from_numpy(drawn).to(like.device, like.dtype).reshape(tuple(shape))
