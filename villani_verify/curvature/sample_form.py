"""The matrix behind the Taylor engine's samples of the Laplacian: quadratic forms in far fewer numbers than θ has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from villani_verify.curvature.addressed_probe import AddressedProbe
from villani_verify.curvature.noise import GivenProbe, NoiseVectors, RecordingProbe, Requests
from villani_verify.curvature.taylor.program import largest_value
from villani_verify.curvature.taylor.weighted import BatchAdjoints
from villani_verify.landscape import Landscape
from villani_verify.memory import in_passes_of_rows
from villani_verify.points import Point

# Numbers in the largest tensor of a pass, all vectors together; a product keeps the graph of its pass.
_NUMBERS_PER_PASS = 1 << 25
_MOST_VECTORS_PER_PASS = 64


class SampleForm:
    """The matrix B of which a sample of ΔL, see `SecondOrderTaylor.laplacian_samples`, is the quadratic form zᵀBz.

    z are the signs that a sample draws, so that tr B = ΔL(θ) exactly. With fewer tokens than features z is far smaller than θ: 17
    million numbers for GPT-Neo-125M and 128 tokens. Bz = ½ ∇_z zᵀBz, by one backward pass through the forward pass of a sample.

    Attributes:
        size: n, the entries of z.
        product_cost: of Bz in samples.

    Raises:
        TaylorError: if the loss cannot be exported, uses an operation without a rule, or cannot be differentiated backward.
    """

    product_cost = 3.0

    def __init__(self, landscape: Landscape, point: Point) -> None:
        """Record what the passes over all batches draw."""
        self._landscape = landscape
        self._point = {n: t.detach() for n, t in point.items()}
        self._adjoints = BatchAdjoints(landscape.loss_function, self._point, landscape.batches)
        requests = Requests()
        for place in range(len(landscape.batches)):
            self._second_order(place, lambda name, like, p=place: RecordingProbe(name, like, p, requests), 1)  # type: ignore[misc]
        self._vectors = NoiseVectors(self._point, requests)
        self.size = self._vectors.size
        largest = largest_value(landscape.loss_function, self._point, landscape.batches)
        self._per_pass = max(1, min(_MOST_VECTORS_PER_PASS, _NUMBERS_PER_PASS // largest))

    def signs(self, seed: int, indices: Sequence[int]) -> Tensor:
        """Return the signs of the samples with these addresses, shape (K, n)."""
        return self._vectors.signs(seed, indices)

    def forms(self, vectors: Tensor) -> list[float]:
        """Return zᵀBz for each row; see `TraceForm`."""
        forms: list[float] = []

        def one_pass(rows: Tensor) -> None:
            total = torch.zeros(len(rows), dtype=torch.float64)
            for place, (weight, _) in enumerate(self._landscape.weighted_batches()):
                total += 2 * weight * self._of_vectors(place, rows).cpu()
            forms.extend(total.tolist())

        in_passes_of_rows(one_pass, vectors, self._landscape.device, per_pass=self._per_pass)
        return forms

    def products(self, vectors: Tensor) -> Tensor:
        """Return Bz for each row; see `TraceForm`."""
        products: list[Tensor] = []

        def one_pass(rows: Tensor) -> None:
            leaf = rows.detach().clone().requires_grad_()
            total = torch.zeros_like(rows)
            for place, (weight, _) in enumerate(self._landscape.weighted_batches()):
                halves = self._of_vectors(place, leaf, differentiable=True)
                if halves.requires_grad:
                    # A line's form depends on that line alone, so one backward pass gives all gradients.
                    (gradient,) = torch.autograd.grad(halves.sum(), leaf, allow_unused=True)
                    if gradient is not None:
                        total += weight * gradient
            products.append(total)

        in_passes_of_rows(one_pass, vectors, self._landscape.device, per_pass=self._per_pass)
        return torch.cat(products)

    def _of_vectors(self, place: int, rows: Tensor, *, differentiable: bool = False) -> Tensor:
        parts = self._vectors.parts(rows)
        return self._second_order(
            place, lambda name, like: GivenProbe(name, like, place, parts), len(rows), differentiable=differentiable
        )

    def _second_order(
        self, place: int, probe: Callable[[str, Tensor], AddressedProbe], count: int, *, differentiable: bool = False
    ) -> Tensor:
        adjoints = self._adjoints.of(self._landscape.batches[place])
        jets = adjoints.lines(probe, count, sampled=True)
        return adjoints.second_order(jets, count, differentiable=differentiable)
