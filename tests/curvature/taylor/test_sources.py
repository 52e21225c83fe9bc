from __future__ import annotations

import pytest
import torch

from villani_verify.curvature.probe_signs import PatternedSigns
from villani_verify.curvature.taylor.sources import Columns, PatternedProducts, Squares, inner

F64 = torch.float64


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def test_columns() -> None:
    source = Columns(torch.tensor([4, 0]), drawn(3, 2, 2))
    whole = source.dense(torch.Size((2, 3, 5)))
    assert torch.equal(whole[..., [4, 0]], source.values)
    assert float(whole[..., 1:4].abs().sum()) == 0
    adjoint = drawn(2, 5, seed=1)
    assert torch.allclose(source.inner(adjoint), (whole * adjoint).sum((1, 2)), rtol=1e-13)


def test_squares() -> None:
    source = Squares(drawn(2, 5), drawn(3, 2, 5, seed=1))
    whole = source.dense(torch.Size((2, 5)))
    assert torch.equal(whole, source.roots**2 * source.factor)
    adjoint = drawn(2, 5, seed=2)
    assert torch.allclose(source.inner(adjoint), (whole * adjoint).sum((1, 2)), rtol=1e-13)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rows", [3, 7, 8])
def test_patterned_products(rows: int, transposed: bool) -> None:
    signs = PatternedSigns(drawn(2, rows).sign(), drawn(2, 3, 4, seed=1).sign(), transposed=transposed)
    matrix = signs.dense().mT if transposed else signs.dense()
    source = PatternedProducts(drawn(2, 5, matrix.shape[1], seed=2), signs)
    whole = source.dense(torch.Size((1, matrix.shape[2])))
    assert torch.allclose(whole, source.x @ matrix, rtol=1e-12, atol=1e-12)
    adjoint = drawn(5, matrix.shape[2], seed=3)
    assert torch.allclose(source.inner(adjoint), (whole * adjoint).sum((1, 2)), rtol=1e-12)


def test_inner_products_of_expanded_stacks() -> None:
    stack, adjoint = drawn(2, 1, 4).expand(2, 3, 4), drawn(3, 4, seed=1)
    assert torch.allclose(inner(stack, adjoint), (stack * adjoint).sum((1, 2)), rtol=1e-13)
    assert inner(stack.float(), adjoint.float()).dtype == F64
