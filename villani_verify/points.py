"""Points θ = {name: tensor} and their norms, accumulated in float64."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

Point = Mapping[str, Tensor]


class StoredPoint(Mapping[str, Tensor], ABC):
    """θ that is kept elsewhere: a tensor is made each time it is asked for."""

    @property
    @abstractmethod
    def templates(self) -> Mapping[str, Tensor]:
        """Tensors of the same shapes, dtypes and devices, whose values mean nothing and which take no memory."""


def templates_of(point: Point) -> Point:
    """Return tensors of the shapes, dtypes and devices of a point, whose values may mean nothing."""
    return point.templates if isinstance(point, StoredPoint) else point


def squared_norm(tensor: Tensor) -> float:
    """Return ‖t‖², accumulated in float64 whatever the tensor's dtype."""
    length = float(torch.linalg.vector_norm(tensor.detach(), dtype=torch.float64))
    return length * length  # overflows to infinity, where `**` would raise


def root_mean_square(point: Point) -> float:
    """Return the typical size of an entry, ‖θ‖/√d."""
    return norm(point) / math.sqrt(sum(t.numel() for t in point.values()))


def norm(point: Point) -> float:
    """Return ‖θ‖ over all tensors."""
    return math.sqrt(math.fsum(squared_norm(t) for t in point.values()))
