"""θ = {name: tensor} as one row of d numbers, and back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from villani_verify.landscape import Landscape
from villani_verify.points import Point


class Layout:
    """The order of the d numbers of a landscape.

    Attributes:
        decay: λ of each number, shape (d,), in the landscape's dtype; one number seen d times where all are the same.
    """

    def __init__(self, landscape: Landscape) -> None:
        """Take names and shapes from θ₀."""
        self._shapes = {name: t.shape for name, t in landscape.initial.items()}
        self._sizes = [shape.numel() for shape in self._shapes.values()]
        self._decays = [landscape.decay[name] for name in self._shapes]
        tensors = list(landscape.initial.values())
        if len(set(self._decays)) == 1:
            self.decay = tensors[0].new_full((1,), self._decays[0]).expand(sum(self._sizes))
        else:
            self.decay = torch.cat([t.new_full((t.numel(),), lam) for t, lam in zip(tensors, self._decays, strict=True)])

    @property
    def exact_decay(self) -> NDArray[np.float64]:
        """λ of each number in float64, shape (d,)."""
        return np.repeat(self._decays, self._sizes)

    def row(self, point: Point) -> Tensor:
        """Return the numbers of a point, shape (d,)."""
        return torch.cat([point[name].detach().reshape(-1) for name in self._shapes])

    def point(self, row: Tensor) -> dict[str, Tensor]:
        """Return the point of d numbers."""
        return {n: part.view(shape) for (n, shape), part in zip(self._shapes.items(), row.split(self._sizes), strict=True)}

    def decay_values(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ½ Σ λθ² of each row, (n, d) → (n,), in float64."""
        return np.asarray(0.5 * (rows**2 * self.exact_decay).sum(axis=1))
