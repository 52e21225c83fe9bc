"""Noise and mini-batches by address (seed, chain, step), so that a resumed run draws the same bits on the same kind of device."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from villani_verify.curvature.probes import derive_seed, normals

NUMBERS_PER_BLOCK = 1024
"""Small vectors are drawn for several steps at once, as starting a generator costs more than the numbers."""


class AddressedNoise:
    """Standard normal increments ξ of several chains, each a function of (seed, chain, step) alone.

    With m `substeps` the increment of step k is (ζ_{mk} + … + ζ_{mk+m−1})/√m of the addressed numbers ζ: a chain of step size η
    with two substeps sees the Brownian path of the chain of step size η/2 with one.

    A GPU draws its own numbers: four chains of GPT-Neo-125M take half a billion a step, which a processor makes in five to thirteen
    seconds. They are other ones than a processor's, and the same on any GPU of one kind.

    Attributes:
        chains: M.
        substeps: m.
    """

    def __init__(self, seed: int, chains: int, like: Tensor, *, substeps: int = 1) -> None:
        """Take the seed, M, a 1-D tensor of length d that has the dtype and device, and m."""
        self.chains = chains
        self.substeps = substeps
        self._seed = seed
        self._like = like
        self._draw = normals if noise_drawn_by(like.device) == "processor" else on_device
        self._steps_per_block = max(1, NUMBERS_PER_BLOCK // like.numel())
        self._block = -1
        self._numbers: Tensor | None = None

    def at(self, step: int) -> Tensor:
        """Return the increments of one step, shape (M, d), standard normal."""
        return self._increment(step, self._addressed)

    def add_to(self, states: Tensor, step: int, amplitude: float) -> None:
        """Add the increments of one step, times `amplitude`, to states of shape (M, d), in place; large ones one by one."""
        if self._steps_per_block > 1:
            states += amplitude * self.at(step)
            return
        for m, state in enumerate(states):
            state += amplitude * self._increment(step, partial(self._drawn_row, m))

    def _increment(self, step: int, addressed: Callable[[int], Tensor]) -> Tensor:
        first = step * self.substeps
        if self.substeps == 1:
            return addressed(first)
        total = addressed(first).clone()
        for index in range(first + 1, first + self.substeps):
            total += addressed(index)
        return total / math.sqrt(self.substeps)

    def _addressed(self, index: int) -> Tensor:
        block, row = divmod(index, self._steps_per_block)
        if self._numbers is None or block != self._block:
            self._numbers = torch.stack([self._drawn(m, block) for m in range(self.chains)], 1)
            self._block = block
        return self._numbers[row]

    def _drawn_row(self, chain: int, index: int) -> Tensor:
        return self._drawn(chain, index)[0]

    def _drawn(self, chain: int, block: int) -> Tensor:
        shape = (self._steps_per_block, self._like.numel())
        return self._draw(f"langevin chain {chain}", shape, seed=self._seed, index=block, like=self._like)


def noise_drawn_by(device: torch.device) -> str:
    """Return what draws the noise of chains on a device: "cuda", or "processor", from which the others get it."""
    return "cuda" if device.type == "cuda" else "processor"


def on_device(name: str, shape: tuple[int, ...], *, seed: int, index: int, like: Tensor) -> Tensor:
    """Return standard normal numbers that the device of `like` draws; its generator is seeded by their address."""
    generator = torch.Generator(like.device).manual_seed(derive_seed(seed, "on device", name, index))
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)


def minibatch_rows(seed: int, chain: int, step: int, *, count: int, batch: int) -> Tensor:
    """Return the rows of one mini-batch: `batch` different ones of `count`, int64, sorted."""
    generator = np.random.Generator(np.random.Philox(key=derive_seed(seed, "minibatch", chain, step)))
    return torch.from_numpy(np.sort(generator.choice(count, size=batch, replace=False)))
