"""Passes over the same graph for one set of probes after another: on a GPU captured once, and replayed with other addresses.

A pass is some thousand kernels, most of them short. To start them takes a processor longer than to run them takes a GPU; a captured
pass (`torch.cuda.CUDAGraph`) starts them all at once. Nothing in a pass waits for the GPU, and probes are drawn there from an
address in a tensor, so that a replay with another address is the pass of other probes, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class _Captured:
    """A captured pass.

    Attributes:
        graph: its kernels.
        buffer: where they find the address.
        out: where they leave the numbers, shape (K,).
    """

    graph: torch.cuda.CUDAGraph
    buffer: AddressBuffer
    out: Tensor


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
        self._captured: _Captured | None = None
        self.captures = 0

    def __call__(self, indices: Sequence[int], *, still_to_come: int) -> Tensor:
        """Return the numbers of these probes, shape (K,).

        Args:
            indices: of the probes.
            still_to_come: probes that will be asked for, with these.
        """
        if len(indices) != self._count:
            self._count, self._captured = len(indices), None  # the memory that it holds is needed
            return self._compute(indices)
        if self._captured is None and self._may and still_to_come >= _WORTH_CAPTURING * self._count:
            self._captured = self._capture(indices)
        if self._captured is None:
            return self._compute(indices)
        self._captured.buffer.fill(self._seed, indices)
        self._captured.graph.replay()
        return self._captured.out

    def _capture(self, indices: Sequence[int]) -> _Captured | None:
        """Capture the pass of so many probes; return None where that is not possible."""
        buffer, graph = AddressBuffer(self._device, self._seed, indices), torch.cuda.CUDAGraph()
        before, stream = torch.cuda.current_stream(self._device), torch.cuda.Stream(self._device)
        capture = torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local")
        try:
            with buffer.open(), torch.cuda.device(self._device), capture:
                out = self._compute(indices)
        except (MemoryError, RuntimeError, TaylorError) as error:
            # Whatever cannot be captured can still be computed.
            self._may = False
            del graph, capture
            # A capture that was broken off leaves its stream as the current one, and an allocator that reuses less.
            torch.cuda.set_stream(before)
            if is_out_of_memory(error):
                release()
            else:
                _REFUSED.add(self._device)
            return None
        self.captures += 1
        return _Captured(graph, buffer, out)
