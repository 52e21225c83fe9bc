"""Losses that depend on ‖θ‖ alone, from three functions of one number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Scalar = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Radial:
    """L(θ) = f(u) with u = ‖θ‖², so that ∇L = 2f'(u)θ and ΔL = 2d f'(u) + 4u f''(u).

    Attributes:
        value: `f`.
        first: f'.
        second: f''.
    """

    value: Scalar
    first: Scalar
    second: Scalar

    def loss(self, theta: Tensor) -> Tensor:
        """Return L."""
        return self.value(theta.square().sum())

    def gradient(self, theta: Tensor) -> Tensor:
        """Return ∇L."""
        return 2 * self.first(theta.square().sum()) * theta

    def laplacian(self, theta: Tensor) -> float:
        """Return ΔL."""
        square = theta.square().sum()
        return float(2 * theta.numel() * self.first(square) + 4 * square * self.second(square))
