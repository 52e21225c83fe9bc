from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from villani_verify.curvature import probe_signs as module
from villani_verify.curvature.probe_signs import (
    PATTERNS,
    PatternedSigns,
    patterned_signs,
    probe_of,
    probe_signs,
    rows_of_probes,
    stacked_probes,
)
from villani_verify.curvature.probes import signs

F64 = torch.zeros((), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(), (5,), (PATTERNS, 3), (3, PATTERNS + 9), (PATTERNS + 9,)])
def test_other_shapes_have_independent_signs(shape: tuple[int, ...]) -> None:
    assert patterned_signs("w", shape, seed=1, indices=(0,), like=F64) is None
    assert torch.equal(probe_signs("w", shape, seed=1, index=2, like=F64), signs("w", shape, seed=1, index=2, like=F64))


@pytest.mark.parametrize("shape", [(PATTERNS + 1, 3), (2 * PATTERNS + 5, 2, 2)])
def test_rows_are_signed_patterns(shape: tuple[int, ...]) -> None:
    whole = stacked_probes("w", shape, seed=1, indices=(4, 7), like=F64)
    assert whole.shape == (2, *shape)
    assert set(whole.unique().tolist()) == {-1.0, 1.0}
    for i in range(PATTERNS, shape[0]):
        ratio = (whole[:, i] * whole[:, i - PATTERNS]).reshape(2, -1)
        assert bool((ratio == ratio[:, :1]).all())
    assert torch.equal(whole[1], probe_signs("w", shape, seed=1, index=7, like=F64))
    other = stacked_probes("v", shape, seed=1, indices=(4,), like=F64)
    assert not torch.equal(other[0], whole[0])


@pytest.mark.parametrize("patterns", [1, 2, 3])
def test_entries_are_uncorrelated(patterns: int) -> None:
    """E[V_ia V_jb] = δ_ij δ_ab, exactly: over all signs s and g of a matrix with three rows and two columns."""
    rows = torch.tensor(list(product((-1.0, 1.0), repeat=3)))
    drawn = torch.tensor(list(product((-1.0, 1.0), repeat=2 * patterns))).reshape(-1, patterns, 2)
    every = PatternedSigns(rows.repeat_interleave(len(drawn), 0), drawn.repeat(len(rows), 1, 1)).dense().reshape(-1, 6)
    assert torch.equal(every.T @ every / len(every), torch.eye(6))


def test_drawn_entries_are_uncorrelated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATTERNS", 2)
    drawn = stacked_probes("w", (5, 3), seed=0, indices=range(20_000), like=F64).reshape(-1, 15)
    # A mean of 20,000 products has standard deviation 0.0071; 105 of them, 6 deviations: error probability 2e-7.
    assert float((drawn.T @ drawn / len(drawn) - torch.eye(15)).abs().max()) < 0.0425


def test_the_variance_is_as_stated() -> None:
    """Two rows of one pattern: the term 2 v_iᵀ H_ij v_j has the variance in the module's docstring, over all signs."""
    h = torch.tensor([[0.3, -1.1, 0.4], [2.0, 0.7, -0.6], [0.1, 0.9, 1.3]], dtype=torch.float64)
    rows = torch.tensor(list(product((-1.0, 1.0), repeat=2)), dtype=torch.float64)
    drawn = torch.tensor(list(product((-1.0, 1.0), repeat=3)), dtype=torch.float64)[:, None]
    every = PatternedSigns(rows.repeat_interleave(len(drawn), 0), drawn.repeat(len(rows), 1, 1)).dense()
    terms = 2 * torch.einsum("ka,ab,kb->k", every[:, 0], h, every[:, 1])
    stated = 4 * (h.trace() ** 2 + h.square().sum() + (h @ h).trace() - 2 * h.diagonal().square().sum())
    assert float(terms.mean()) == 0
    assert float(terms.square().mean()) == pytest.approx(float(stated), rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 12), columns=st.integers(1, 5), patterns=st.integers(1, 12), vectors=st.integers(1, 4),
    own=st.booleans(), transposed=st.booleans(), seed=st.integers(0, 2**32),
)  # fmt: skip
def test_products_are_those_of_the_dense_matrix(
    rows: int, columns: int, patterns: int, vectors: int, own: bool, transposed: bool, seed: int
) -> None:
    patterns = min(patterns, rows)
    generator = torch.Generator().manual_seed(seed)
    s = torch.randint(2, (3, rows), generator=generator).double().mul_(2).sub_(1)
    g = torch.randint(2, (3, patterns, columns), generator=generator).double().mul_(2).sub_(1)
    signed = PatternedSigns(s, g, transposed=transposed)
    matrix = signed.dense().mT if transposed else signed.dense()
    x = torch.randn((3, vectors, matrix.shape[1]) if own else (vectors, matrix.shape[1]), generator=generator, dtype=torch.float64)
    out = torch.randn((3, vectors, matrix.shape[2]), generator=generator, dtype=torch.float64)
    expected = out + x @ matrix
    single = out[1:2].clone()
    signed.add_product(out, x)
    assert torch.allclose(out, expected, rtol=1e-13, atol=1e-13)
    signed.line(1).add_product(single, x[1:2] if own else x)
    assert torch.allclose(single, expected[1:2], rtol=1e-13, atol=1e-13)


@settings(max_examples=30, deadline=None)
@given(height=st.sampled_from((40, PATTERNS + 40)), width=st.integers(1, 30), seed=st.integers(0, 2**64 - 1), data=st.data())
def test_rows_are_those_of_the_whole(height: int, width: int, seed: int, data: st.DataObject) -> None:
    places = torch.tensor(data.draw(st.lists(st.integers(0, height - 1), min_size=1, max_size=5)))
    like = torch.zeros(())
    whole = stacked_probes("a.b", (height, width), seed=seed, indices=(3, 7), like=like)
    found = rows_of_probes("a.b", (height, width), places, seed=seed, indices=(3, 7), like=like)
    assert torch.equal(found, whole[:, places])


def test_a_probe_does_not_depend_on_the_order_of_tensors_or_on_other_tensors() -> None:
    point = {"a": torch.zeros(300, 4), "b": torch.zeros(5, dtype=torch.float64), "c": torch.zeros(())}
    whole = probe_of(point, seed=7, index=2)
    turned = probe_of(dict(reversed(point.items())), seed=7, index=2)
    assert list(turned) == ["c", "b", "a"]
    for name, tensor in point.items():
        assert torch.equal(whole[name], turned[name])
        assert torch.equal(whole[name], probe_of({name: tensor}, seed=7, index=2)[name])
        assert whole[name].shape == tensor.shape
        assert whole[name].dtype == tensor.dtype


def test_tall_signs_are_pinned() -> None:
    """Saved witnesses name probes by their address."""
    expected = [1, 1, -1, 1, 1, -1, 1, 1, 1, -1, 1, 1]
    assert probe_signs("w", (200, 2), seed=0, index=0, like=F64)[[0, 1, 95, 96, 97, 199]].int().flatten().tolist() == expected
