"""∇²F(θ) as an operator on rows of d numbers, and starting vectors addressed by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from villani_verify.curvature.hessian_form import HessianForm
from villani_verify.curvature.probes import normals
from villani_verify.errors import LandscapeError
from villani_verify.landscape import Landscape
from villani_verify.points import Point, norm


class Operator(Protocol):
    """A symmetric d × d matrix A, known by its products."""

    @property
    def dimension(self) -> int:
        """The number d of its rows."""

    def products(self, vectors: Tensor) -> Tensor:
        """Return Av for each row v of `vectors`, shape (K, d), on the same device and in the same dtype.

        It is a new tensor, which the caller may change.
        """


class HessianOperator:
    """A = ∇²L(θ) + D, where D holds λ_t minus the part λ that all tensors share.

    ∇²F = A + λI, and Lanczos on A + λI from the same start is Lanczos on A with every Ritz value moved by λ. So a decay common
    to all tensors never enters a product: it is added to the results, exactly. Where decays differ, the difference does enter,
    as the exact diagonal that it is.

    Attributes:
        dimension: `d`.
        shift: λ, the decay common to all tensors; 0 where they differ.
        uniform: whether all tensors have the same decay.
        num_matvecs: Hessian-vector products so far.
    """

    def __init__(self, landscape: Landscape, point: Point) -> None:
        """Take F and θ."""
        self._landscape = landscape
        self._point = {n: point[n].detach() for n in landscape.initial}
        self._form = HessianForm(landscape, self._point)
        self.dimension = landscape.dimension
        decays = set(landscape.decay.values())
        self.uniform = len(decays) == 1
        self.shift = decays.pop() if self.uniform else 0.0
        self.num_matvecs = 0

    def starts(self, seed: int, indices: Sequence[int]) -> Tensor:
        """Return independent standard normal vectors by their addresses, shape (K, d), in the landscape's dtype.

        A vector depends on its address alone, so that any order of work gives the same ones.
        """
        rows = [
            torch.cat([normals(n, t.shape, seed=seed, index=k, like=t).reshape(-1) for n, t in self._point.items()])
            for k in indices
        ]
        return torch.stack(rows)

    def products(self, vectors: Tensor) -> Tensor:
        """Return Av for each row; see `Operator`.

        Raises:
            LandscapeError: if a product is not finite, with the radius and the tensor where that happened.
            DeviceError: if memory runs out even with one vector at a time.
        """
        products = self._form.products(vectors)
        self.num_matvecs += len(vectors)
        if not bool(torch.isfinite(products).all()):
            raise LandscapeError(
                f"Hessian-vector product of landscape {self._landscape.name!r} at radius {norm(self._point):.4g}, tensor "
                f"{self._first_not_finite(products)!r}: it is not finite in {str(products.dtype).removeprefix('torch.')}; use a "
                "smaller radius or --dtype float64"
            )
        return products if self.uniform else products + self.decays() * vectors

    def decays(self) -> Tensor:
        """Return λ_t for each of the d numbers."""
        decay = self._landscape.decay
        return torch.cat([torch.full_like(t, decay[n]).reshape(-1) for n, t in self._point.items()])

    def _first_not_finite(self, products: Tensor) -> str:
        pieces = products.split([t.numel() for t in self._point.values()], 1)
        return next(n for n, piece in zip(self._point, pieces, strict=True) if not bool(torch.isfinite(piece).all()))
