from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from villani_verify.curvature.probes import stacked_signs


class DenseForm:
    """A matrix that is there, counting what is asked of it."""

    product_cost = 1.0

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix
        self.size = len(matrix)
        self.num_products = 0
        self.num_forms = 0

    def signs(self, seed: int, indices: Sequence[int]) -> Tensor:
        return stacked_signs("z", (self.size,), seed=seed, indices=indices, like=self.matrix)

    def forms(self, vectors: Tensor) -> list[float]:
        self.num_forms += len(vectors)
        return torch.einsum("ki,ij,kj->k", vectors, self.matrix, vectors).tolist()

    def products(self, vectors: Tensor) -> Tensor:
        self.num_products += len(vectors)
        return vectors @ self.matrix


@pytest.fixture
def dense_form() -> type[DenseForm]:
    return DenseForm
