from __future__ import annotations

import pytest
import torch

from villani_verify.curvature.hessian_vector import stacked_forms, stacked_products
from villani_verify.landscape import Landscape

F64 = torch.float64


def test_stacked_directions_of_any_length() -> None:
    a = torch.randn(5, 5, generator=torch.Generator().manual_seed(0), dtype=F64)
    h = (a + a.T) / 2
    landscape = Landscape.from_function(lambda t: 0.5 * t @ h @ t + 100, 5, blocks={"a": 2, "b": 3})
    directions = torch.randn(3, 5, generator=torch.Generator().manual_seed(1), dtype=F64)
    expected = torch.einsum("ki,ij,kj->k", directions, h, directions).tolist()
    for rows in (slice(0, 3), slice(1, 2)):
        stacked = {"a": directions[rows, :2], "b": directions[rows, 2:]}
        assert stacked_forms(landscape, landscape.initial, stacked) == pytest.approx(expected[rows], rel=1e-13)
        products = stacked_products(landscape, landscape.initial, stacked)
        assert torch.allclose(torch.cat([products["a"], products["b"]], 1), directions[rows] @ h, rtol=1e-12, atol=1e-13)
