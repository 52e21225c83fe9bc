"""Passes over the same graph for one set of probes after another: on a GPU captured once, and replayed with other addresses.

A pass is some thousand kernels, most of them short. To start them takes a processor longer than to run them takes a GPU; a captured
pass (`torch.cuda.CUDAGraph`) starts them all at once. Nothing in a pass waits for the GPU, and probes are drawn there from an
address in a tensor, so that a replay with another address is the pass of other probes, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from villani_verify.curvature.kernels import has_kernels
from villani_verify.curvature.probe_addresses import AddressBuffer
from villani_verify.curvature.taylor.table import TaylorError
from villani_verify.memory import is_out_of_memory, release

# To capture takes as long as a pass, and another one is needed before, in which libraries allocate what they need.
_WORTH_CAPTURING = 3


_REFUSED: set[torch.device] = set()
"""Devices on which a pass could not be captured for another reason than memory; it is not tried there again."""


class ReplayedPasses:
    """The passes of one point, batch and seed.

    Attributes:
        captures: how many passes have been captured so far; for tests.
    """

    def __init__(self, compute: Callable[[Sequence[int]], Tensor], seed: int, device: torch.device) -> None:
        """Take the pass.

        Args:
            compute: (indices of K probes) ↦ their numbers, shape (K,).
            seed: of the probes.
            device: where it computes.
        """
        self._compute = compute
        self._seed = seed
        self._device = device
        self._count = 0
        self._may = has_kernels(device) and device not in _REFUSED
        self._graph: torch.cuda.CUDAGraph | None = None
        self._buffer: AddressBuffer | None = None
        self._out: Tensor | None = None
        self.captures = 0

    def __call__(self, indices: Sequence[int], *, still_to_come: int) -> Tensor:
        """Return the numbers of these probes, shape (K,).

        Args:
            indices: of the probes.
            still_to_come: probes that will be asked for, with these.
        """
        if len(indices) == self._count and self._may and self._graph is None and still_to_come >= _WORTH_CAPTURING * self._count:
            self._capture(indices)
        if self._graph is not None and self._buffer is not None and self._out is not None and len(indices) == self._count:
            self._buffer.fill(self._seed, indices)
            self._graph.replay()
            return self._out
        if len(indices) != self._count:
            self._graph = self._buffer = self._out = None  # what it holds is needed
        self._count = len(indices)
        return self._compute(indices)

    def _capture(self, indices: Sequence[int]) -> None:
        buffer, graph = AddressBuffer(self._device, self._seed, indices), torch.cuda.CUDAGraph()
        before, stream = torch.cuda.current_stream(self._device), torch.cuda.Stream(self._device)
        capture = torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local")
        try:
            with buffer.open(), torch.cuda.device(self._device), capture:
                self._out = self._compute(indices)
        except (MemoryError, RuntimeError, TaylorError) as error:
            # Whatever cannot be captured can still be computed.
            self._may = False
            self._graph = self._out = None
            del graph, capture
            # A capture that was broken off leaves its stream as the current one, and an allocator that reuses less.
            torch.cuda.set_stream(before)
            if is_out_of_memory(error):
                release()
            else:
                _REFUSED.add(self._device)
            return
        self._graph, self._buffer = graph, buffer
        self.captures += 1
