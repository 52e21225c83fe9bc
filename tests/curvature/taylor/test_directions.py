from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from villani_verify.curvature.addressed_probe import AddressedProbe
from villani_verify.curvature.probe_signs import PATTERNS
from villani_verify.curvature.taylor.directions import Directions, Later, portions

F64 = torch.float64


def directions(*shape: int) -> Directions:
    return Directions(AddressedProbe("w", torch.zeros(*shape, dtype=F64), seed=1, indices=range(2)))


@pytest.mark.parametrize("shape", [(PATTERNS + 4, 3), (PATTERNS + 4, PATTERNS + 4)])
@pytest.mark.parametrize(
    "function",
    [
        lambda w: w,
        lambda w: w.T,
        lambda w: w.T.T,
        lambda w: w.reshape(w.shape[0], -1),
        lambda w: w.T.unsqueeze(0).squeeze(0),
    ],
    ids=["itself", "transpose", "twice", "reshape", "and back"],
)
def test_views_of_a_tall_matrix_have_its_patterns(shape: tuple[int, int], function: Callable[[Tensor], Tensor]) -> None:
    mapped = directions(*shape).map(function)
    patterned = mapped.patterned(F64)
    assert patterned is not None
    matrices = mapped.stacked()
    x = torch.randn(5, matrices.shape[1], generator=torch.Generator().manual_seed(0), dtype=F64)
    out = torch.zeros(2, 5, matrices.shape[2], dtype=F64)
    patterned.add_product(out, x)
    assert torch.allclose(out, x @ matrices, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "function",
    [lambda w: 2 * w, lambda w: w[:, :2], lambda w: w.reshape(3, -1), lambda w: w + torch.ones(3, dtype=F64), lambda w: w.clone()],
    ids=["scaled", "part", "another shape", "shifted", "copy"],
)
def test_what_else_is_done_to_a_matrix_makes_it_whole(function: Callable[[Tensor], Tensor]) -> None:
    assert directions(PATTERNS + 4, 3).map(function).patterned(F64) is None


@pytest.mark.parametrize("shape", [(PATTERNS, 3), (PATTERNS + 4,), (PATTERNS + 4, 2, 2)])
def test_other_shapes_are_made_whole(shape: tuple[int, ...]) -> None:
    assert directions(*shape).patterned(F64) is None


def test_coefficients_are_made_once_and_only_if_asked_for() -> None:
    made: list[int] = []

    def make() -> Tensor:
        made.append(1)
        return torch.ones(2, 3)

    later = Later(make)
    doubled = later.map(lambda c: 2 * c)
    assert not made
    assert torch.equal(doubled.stacked(), 2 * torch.ones(2, 3))
    doubled.stacked()
    later.stacked()
    assert len(made) == 1


@pytest.mark.parametrize(("count", "size", "expected"), [(5, 1 << 23, [2, 2, 1]), (3, 1 << 30, [1, 1, 1]), (4, 2, [4])])
def test_portions(count: int, size: int, expected: list[int]) -> None:
    stack = torch.zeros(1).expand(count, size)
    found = portions(stack)
    assert [len(lines) for lines in found] == expected
    assert [k for lines in found for k in lines] == list(range(count))
