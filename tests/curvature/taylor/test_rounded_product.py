from __future__ import annotations

import pytest
import torch

from villani_verify.curvature.taylor.rounded_product import _padded, rounded_factors, rows_times_matrix

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def drawn(*shape: int, device: str = "cpu") -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).to(device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(7,), (5, 7), (2, 5, 7)])
@pytest.mark.parametrize("transposed", [False, True])
def test_products_are_those_of_the_rounded_factors(shape, transposed, device) -> None:
    rows, matrix = drawn(*shape, device=device), drawn(1025, 7, device=device).T if transposed else drawn(7, 1025, device=device)
    for rounding in (None, torch.bfloat16):
        with torch.no_grad():
            found = rows_times_matrix(rows, matrix, rounding)
        factors = [t.to(rounding or t.dtype).double() for t in (rows, matrix)]
        assert (found.dtype, found.shape) == (torch.float32, (*shape[:-1], 1025))
        # On a processor, and for a single row, the sum is rounded like the factors, and cast.
        allowed = 2e-6 if rounding is None or (device == "cuda" and len(shape) > 1) else 2**-7
        assert torch.allclose(found.double(), factors[0] @ factors[1], rtol=allowed, atol=20 * allowed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("columns", [3, 8, 50_257])
def test_padding_keeps_layout_and_numbers(dtype, transposed, columns) -> None:
    matrix = (drawn(columns, 3).T if transposed else drawn(3, columns)).to(dtype)
    wide = _padded(matrix)
    assert torch.equal(wide[:, :columns], matrix)
    assert not wide[:, columns:].any()
    assert (wide.shape[1] * wide.element_size()) % 16 == 0
    assert wide.shape[1] - columns < 16
    assert wide.stride(0 if transposed else 1) == 1


def test_all_products_are_rounded_while_large_ones_are_on_a_gpu() -> None:
    before = torch.get_float32_matmul_precision()
    for rounding, device, expected in ((torch.bfloat16, "cuda", "high"), (None, "cuda", before), (torch.bfloat16, "cpu", before)):
        with rounded_factors(rounding, torch.device(device)):
            assert torch.get_float32_matmul_precision() == expected
        assert torch.get_float32_matmul_precision() == before
