"""Every kernel against the formula that is used where there is none, or its definition in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from villani_verify.curvature.probe_signs import PATTERNS, PatternedSigns
from villani_verify.curvature.taylor import sources

# Rounding of sums of a few thousand terms.
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}
DTYPES = list(TOLERANCE)


@pytest.fixture
def kernels(device):
    from villani_verify.curvature.kernels import fused

    return fused


def drawn(*shape: int, dtype: torch.dtype, device: torch.device, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(device, dtype)


def close(found: Tensor, expected: Tensor, dtype: torch.dtype) -> bool:
    scale = float(expected.double().abs().max()) or 1.0
    return bool(((found.double() - expected.double()).abs().max() <= TOLERANCE[dtype] * scale).item())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (2, 5, 819), (2, 3, 40, 100)])
def test_inner_products_are_those_of_the_definition(kernels, device, dtype, squared, shape) -> None:
    stack, weights = drawn(*shape, dtype=dtype, device=device), drawn(*shape[1:], dtype=dtype, device=device, seed=1)
    terms = stack.double() ** (2 if squared else 1) * weights.double()
    # Not the dtype's digits: products and sums are made in float64.
    assert torch.allclose(kernels.inner(stack, weights, squared=squared), terms.flatten(1).sum(1), rtol=1e-12, atol=1e-12)


def test_inner_products_of_views(kernels, device) -> None:
    whole = drawn(4, 6, 50, dtype=torch.float64, device=device)
    weights = drawn(6, 50, dtype=torch.float64, device=device, seed=1)
    for stack, w in ((whole[::2], weights), (whole.mT, weights.T), (whole[:, 1:, 3:40], weights[1:, 3:40]), (whole[:0], weights)):
        assert torch.allclose(kernels.inner(stack, w), (stack * w).flatten(1).sum(1))


def softmax_case(dtype: torch.dtype, device: torch.device, size: int, sharp: float) -> tuple[Tensor, Tensor, Tensor]:
    logits = drawn(5, size, dtype=dtype, device=device, seed=1) * sharp
    # A common part that the weighted mean takes away again.
    return drawn(3, 5, size, dtype=dtype, device=device) + 10, torch.softmax(logits, 1), logits.argmax(1, keepdim=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sharp", [0.0, 1.0, 30.0])
@pytest.mark.parametrize("size", [1, 17, 2500])
def test_spreads_are_weighted_variances(kernels, device, dtype, sharp, size) -> None:
    rows, weights, largest = softmax_case(dtype, device, size, sharp)
    # Rounded weights add up to 1 only nearly: without the shift the mean would be wrong by that much of the common part.
    shifted = (rows - rows.gather(-1, largest.expand(3, 5, 1))).double()
    centred = shifted - (shifted * weights.double()).sum(-1, keepdim=True)
    expected = (weights.double() * centred**2).sum(-1)
    found = kernels.spread(rows, weights, largest)
    assert found.dtype == dtype
    # Relative to each: where the weight is nearly all in one place the spread is tiny, and as accurate.
    assert torch.allclose(found.double(), expected, rtol=50 * torch.finfo(dtype).eps, atol=1e-300)
    padded = torch.cat([rows, rows.new_full((3, 5, 3), torch.nan)], -1)[..., :size]
    assert torch.equal(kernels.spread(padded, weights, largest), found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sharp", [0.0, 1.0, 30.0])
@pytest.mark.parametrize("size", [1, 17, 128, 300])
def test_softmax_is_that_of_the_formula(kernels, device, dtype, sharp, size) -> None:
    rows, weights, largest = softmax_case(dtype, device, size, sharp)
    shifted = (rows - rows.gather(-1, largest.expand(3, 5, 1))).double()
    centred = shifted - (shifted * weights.double()).sum(-1, keepdim=True)
    moved = weights.double() * centred
    half = 0.5 * moved * centred
    first, second = kernels.softmax(rows, weights, largest)
    assert close(first, moved, dtype)
    assert close(second, half - weights.double() * half.sum(-1, keepdim=True), dtype)


def test_rows_too_long_for_one_program_are_left_to_others(kernels, device) -> None:
    rows = torch.zeros(1, 1, 10_000, device=device)
    assert kernels.softmax(rows, rows[0], torch.zeros(1, 1, dtype=torch.int64, device=device)) is None
    assert kernels.layer_norm(rows, rows[0], rows[0, :, 0], None, None, crossed=True) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [PATTERNS + 1, 2 * PATTERNS, 2500])
def test_patterned_rows_are_added(kernels, device, dtype, columns) -> None:
    signs = PatternedSigns(
        drawn(2, columns, dtype=dtype, device=device).sign(), drawn(2, PATTERNS, 7, dtype=dtype, device=device, seed=1).sign(),
        transposed=True,
    )  # fmt: skip
    for x in (drawn(3, 7, dtype=dtype, device=device), drawn(2, 3, 7, dtype=dtype, device=device)):
        wide = drawn(2, 3, columns + 5, dtype=dtype, device=device, seed=2)
        out, untouched = wide[..., :columns], wide[..., columns:].clone()
        expected = out + x @ signs.dense().mT
        kernels.add_patterned(out, x @ signs.patterns.mT, signs.rows)
        assert close(out, expected, dtype)
        assert torch.equal(wide[..., columns:], untouched)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("affine", ["none", "weight", "both"])
@pytest.mark.parametrize("crossed", [False, True])
@pytest.mark.parametrize("size", [2, 17, 768])
def test_layer_norms_are_those_of_the_formula(kernels, device, dtype, affine, crossed, size) -> None:
    moved, value = drawn(3, 4, size, dtype=dtype, device=device) + 5, drawn(4, size, dtype=dtype, device=device, seed=1)
    w, v, b = (drawn(*shape, dtype=dtype, device=device, seed=2 + i) for i, shape in enumerate(((size,), (3, size), (3, size))))
    centred = value - value.mean(-1, keepdim=True)
    scale = (centred**2).mean(-1).add(1e-3).rsqrt()
    normal = centred * scale[:, None]
    n, x, r = normal.double(), moved.double(), scale.double()[:, None]
    u = r * (x - x.mean(-1, keepdim=True))
    p, s = (n * u).mean(-1, keepdim=True), (u * u).mean(-1, keepdim=True)
    slope, curve = u - p * n, n * (1.5 * p * p - 0.5 * s) - p * u
    if affine != "none":
        curve = curve * w + (slope * v[:, None] if crossed else 0)
        slope = slope * w + n * v[:, None]
    if affine == "both":
        slope = slope + b[:, None]
    weight = None if affine == "none" else (w, v)
    found = kernels.layer_norm(moved, normal, scale, weight, b if affine == "both" else None, crossed=crossed)
    assert close(found[0], slope, dtype)
    assert close(found[1], curve, dtype)


def test_a_stack_of_squares_is_never_made(kernels, device, monkeypatch) -> None:
    factor, roots = (drawn(*s, dtype=torch.float64, device=device) for s in ((4, 5), (3, 4, 5)))
    adjoint = drawn(4, 5, dtype=torch.float64, device=device, seed=2)
    source = sources.Squares(factor, roots)
    expected = source.inner(adjoint)
    monkeypatch.setattr(sources, "kernels_for", lambda device: kernels)
    monkeypatch.setattr(sources.Squares, "dense", None)
    assert torch.allclose(source.inner(adjoint), expected)
