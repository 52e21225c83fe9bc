"""The Hessian itself as the matrix whose trace is wanted, by forward over reverse."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from villani_verify.curvature.hessian_vector import NUMBERS_PER_PASS, stacked_forms, stacked_products
from villani_verify.curvature.probe_signs import stacked_probes
from villani_verify.landscape import Landscape
from villani_verify.memory import in_passes_of_rows
from villani_verify.points import Point


class HessianForm:
    """B = ∇²L(θ), on vectors that are all parameters one after the other; see `TraceForm`.

    Attributes:
        size: `d`.
        product_cost: 1, as a quadratic form is made from a product.
    """

    product_cost = 1.0

    def __init__(self, landscape: Landscape, point: Point) -> None:
        """Take L and θ."""
        self._landscape = landscape
        self._point = {n: t.detach() for n, t in point.items()}
        self._sizes = [t.numel() for t in point.values()]
        self.size = sum(self._sizes)
        self._per_pass = max(1, NUMBERS_PER_PASS // max(1, self.size))

    def signs(self, seed: int, indices: Sequence[int]) -> Tensor:
        """Return the probes with these addresses, shape (K, d)."""
        drawn = [stacked_probes(n, t.shape, seed=seed, indices=indices, like=t) for n, t in self._point.items()]
        return torch.cat([part.reshape(len(indices), -1) for part in drawn], 1)

    def forms(self, vectors: Tensor) -> list[float]:
        """Return zᵀ∇²L(θ)z for each row; see `TraceForm`."""
        forms: list[float] = []
        in_passes_of_rows(
            lambda rows: forms.extend(stacked_forms(self._landscape, self._point, self._cut(rows))),
            vectors, self._landscape.device, per_pass=self._per_pass,
        )  # fmt: skip
        return forms

    def products(self, vectors: Tensor) -> Tensor:
        """Return ∇²L(θ)z for each row; see `TraceForm`."""
        products = torch.empty_like(vectors)
        done = 0

        def one_pass(rows: Tensor) -> None:
            nonlocal done
            found = stacked_products(self._landscape, self._point, self._cut(rows))
            for n, piece in self._cut(products[done : done + len(rows)]).items():
                piece.copy_(found.pop(n))
            done += len(rows)

        in_passes_of_rows(one_pass, vectors, self._landscape.device, per_pass=self._per_pass)
        return products

    def _cut(self, rows: Tensor) -> Point:
        pieces = rows.split(self._sizes, 1)
        return {
            n: piece.unflatten(1, t.shape) if t.ndim else piece[:, 0]
            for (n, t), piece in zip(self._point.items(), pieces, strict=True)
        }
