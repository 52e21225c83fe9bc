"""What trace estimators see: a symmetric matrix B of trace ΔL(θ), known by quadratic forms zᵀBz and products Bz alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class TraceForm(Protocol):
    """A symmetric n × n matrix B whose trace is ΔL(θ): the Hessian of L, or something smaller."""

    @property
    def size(self) -> int:
        """The number n of its rows."""

    @property
    def product_cost(self) -> float:
        """What a product costs, in quadratic forms; measured once, so that decisions do not depend on the clock."""

    def signs(self, seed: int, indices: Sequence[int]) -> Tensor:
        """Return independent ±1 vectors by their addresses, shape (K, n), in the landscape's dtype and on its device."""

    def forms(self, vectors: Tensor) -> list[float]:
        """Return zᵀBz for each row z of `vectors`, shape (K, n), accumulated in float64.

        Raises:
            DeviceError: if memory runs out even with one vector at a time.
        """

    def products(self, vectors: Tensor) -> Tensor:
        """Return Bz for each row z of `vectors`, shape (K, n).

        Raises:
            DeviceError: if memory runs out even with one vector at a time.
        """
