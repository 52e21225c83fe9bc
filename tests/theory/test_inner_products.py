from __future__ import annotations

import pytest
import torch

from villani_verify.theory.inner_products import gram, row_products, wide_blocks


@pytest.mark.parametrize("block", [1, 3, 10, 11])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_against_wide_copies(block: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("villani_verify.theory.inner_products._BLOCK", block)
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(3, 10, generator=generator).to(dtype) for _ in range(2))
    torch.testing.assert_close(row_products(a, b), (a.double() * b.double()).sum(1), rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(gram(a), a.double() @ a.double().T, rtol=1e-14, atol=1e-15)


def test_large_and_small_numbers_do_not_lose_each_other() -> None:
    rows = torch.full((1, 1 << 21), 1e-4, dtype=torch.float32)
    rows[0, 0] = 1e4
    assert float(row_products(rows, rows)) == pytest.approx(1e8 + ((1 << 21) - 1) * float(rows[0, 1].double() ** 2), rel=1e-14)


def test_another_device_has_longer_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("villani_verify.theory.inner_products._BLOCK", 3)
    monkeypatch.setattr("villani_verify.theory.inner_products._BLOCK_OF_A_GPU", 8)
    assert [b.shape[1] for (b,) in wide_blocks(torch.ones(1, 10))] == [3, 3, 3, 1]
    assert [b.shape[1] for (b,) in wide_blocks(torch.ones(1, 10, device="meta"))] == [8, 2]
