"""The addresses of probes as tensors, for signs that are drawn on a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

LOW_64_BITS = (1 << 64) - 1
"""What counts of seeds and indices: a word of the generator."""


class AddressBuffer:
    """While it is open, signs on its device are drawn from the address that this tensor holds when they are drawn.

    A captured pass draws them anew at each replay: what it captured is where the address lies, and not what it was.

    Attributes:
        held: the seed, and the index of each probe; int64, shape (K + 1,).
    """

    def __init__(self, device: torch.device, seed: int, indices: Sequence[int]) -> None:
        """Make the tensor, and put in it the address with which the pass is captured."""
        self._asked = (seed, tuple(indices))
        self.held = _words(seed, indices).to(device)

    def fill(self, seed: int, indices: Sequence[int]) -> None:
        """Put another address in the tensor, of as many probes, without waiting for the GPU."""
        self.held.copy_(_words(seed, indices).pin_memory(), non_blocking=True)

    def address(self, seed: int, indices: Sequence[int]) -> Tensor:
        """Return the tensor, for whoever asks for the address it was made with, or its part for some consecutive probes."""
        known, wanted = self._asked[1], tuple(indices)
        first = known.index(wanted[0]) if wanted and wanted[0] in known else 0
        if seed != self._asked[0] or known[first : first + len(wanted)] != wanted:
            raise ValueError(f"a captured pass draws the probes {self._asked}, and not {(seed, wanted)}")
        if len(wanted) == len(known):
            return self.held
        return torch.cat([self.held[:1], self.held[1 + first : 1 + first + len(wanted)]])

    @contextmanager
    def open(self) -> Iterator[None]:
        """Serve what is drawn meanwhile in this thread."""
        token = _BUFFER.set(self)
        try:
            yield
        finally:
            _BUFFER.reset(token)


_BUFFER: ContextVar[AddressBuffer | None] = ContextVar("address buffer", default=None)


def address_on(device: torch.device, seed: int, indices: Sequence[int]) -> Tensor:
    """Return the seed and the probes' indices as a tensor on the device, int64, shape (K + 1,)."""
    buffer = _BUFFER.get()
    return _kept_address(device, seed, tuple(indices)) if buffer is None else buffer.address(seed, indices)


@lru_cache(maxsize=4)
def _kept_address(device: torch.device, seed: int, indices: tuple[int, ...]) -> Tensor:
    return _words(seed, indices).pin_memory().to(device, non_blocking=True)


def _words(seed: int, indices: Sequence[int]) -> Tensor:
    return torch.from_numpy(np.array([seed & LOW_64_BITS, *(k & LOW_64_BITS for k in indices)], dtype=np.uint64).view(np.int64))
