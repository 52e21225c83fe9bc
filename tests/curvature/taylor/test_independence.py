from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from villani_verify.curvature.taylor.program import program_for
from villani_verify.landscape import Landscape

F64 = torch.float64


def independent(landscape: Landscape) -> set[str]:
    (batch,) = landscape.batches
    return set(program_for(landscape.loss_function, landscape.initial, batch).independence.names)


def of_function(function: Callable[[Tensor, Tensor], Tensor]) -> set[str]:
    """Of L = f(A, b) with a 3 × 3 matrix A and a vector b."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Parameter(torch.eye(3, dtype=F64) + 0.1)
            self.b = nn.Parameter(torch.linspace(1, 2, 3, dtype=F64))

        def forward(self, x: Tensor) -> Tensor:
            return function(self.a, self.b) + 0 * x.sum()

    x = torch.ones(1, 3, dtype=F64)
    return independent(Landscape.from_module(Both(), lambda out, target: out.square().sum() + 1, [(x, x)]))


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda a, b: a @ b, {"a", "b"}),
        (lambda a, b: a.t() @ (b * b), {"a"}),
        (lambda a, b: torch.tanh(a) @ b, {"b"}),  # what moves with A is no longer its signs
        (lambda a, b: a @ (a @ b), {"b"}),
        (lambda a, b: (a @ b) * b, {"a"}),
        (lambda a, b: a * a + b, set()),
        (lambda a, b: F.layer_norm(a, (3,), b, None), {"b"}),
        (lambda a, b: F.layer_norm(a, (3,)) * b, {"b"}),
        (lambda a, b: a.sum() + b, set()),
        (lambda a, b: torch.stack([a.t(), a.t()]) @ b, {"b"}),
    ],
)
def test_parameters_that_meet_everything_else_in_one_product(function: Callable[[Tensor, Tensor], Tensor], found: set[str]) -> None:
    assert of_function(function) == found


def test_a_language_model(causal_lm: Callable[[str], Landscape]) -> None:
    landscape = causal_lm("gpt2")
    found = independent(landscape)
    matrices = {n for n, t in landscape.initial.items() if t.dim() == 2 and "wpe" not in n}
    scales = {n for n in landscape.initial if "ln_" in n and n.endswith("weight")}
    # The tied embedding among them: looked up first, and then multiplied with. Biases and positions are in no product.
    assert found == matrices | scales


def test_a_tied_matrix_that_is_used_in_another_way_is_left_alone() -> None:
    class Tied(nn.Module):
        def __init__(self, first: bool) -> None:
            super().__init__()
            self.table = nn.Embedding(5, 3, dtype=F64)
            self.first = first

        def forward(self, tokens: Tensor) -> Tensor:
            w = self.table.weight
            return self.table(tokens) @ w.t() if self.first else self.table(tokens) @ (w.t() @ w)

    tokens = torch.tensor([0, 1, 1])
    loss = lambda out, target: out.square().sum() + 1
    assert independent(Landscape.from_module(Tied(True), loss, [(tokens, tokens)])) == {"table.weight"}
    assert independent(Landscape.from_module(Tied(False), loss, [(tokens, tokens)])) == set()
