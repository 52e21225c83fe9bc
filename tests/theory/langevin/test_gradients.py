from __future__ import annotations

import torch
from torch import Tensor, nn

from villani_verify import Landscape
from villani_verify.curvature.gradient import add_decay, loss_and_gradient
from villani_verify.theory.langevin.gradients import ExactGradient
from villani_verify.theory.layout import Layout


def naive(landscape: Landscape, states: Tensor) -> tuple[Tensor, Tensor]:
    layout = Layout(landscape)
    values, gradients = [], []
    for state in states:
        point = layout.point(state)
        loss, gradient = loss_and_gradient(landscape, point)
        values.append(loss + landscape.decay_value(point))
        gradients.append(layout.row(add_decay(landscape, point, gradient)))
    return torch.tensor(values, dtype=torch.float64), torch.stack(gradients)


def states(count: int, dimension: int) -> Tensor:
    return torch.randn(count, dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def agree(landscape: Landscape, *, vectorised: bool) -> None:
    gradient = ExactGradient(landscape)
    where = states(4, landscape.dimension)
    for found, expected in zip(gradient(where, 0), naive(landscape, where), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert gradient.vectorised is vectorised


def test_functions_with_a_decay_for_each_block() -> None:
    decays = {"a": 0.5, "b": 0.0}
    agree(
        Landscape.from_function(lambda x: x.pow(4).sum() + x[0] * x[1], 3, blocks={"a": 1, "b": 2}, weight_decay=decays),
        vectorised=True,
    )


def test_functions_in_many_passes(monkeypatch) -> None:
    monkeypatch.setattr("villani_verify.theory.at_once.NUMBERS_PER_PASS", 24)
    agree(Landscape.from_function(lambda x: x.cos().sum() + 3, 3, weight_decay=1.0), vectorised=True)


def test_functions_that_branch_on_values_are_looped_over() -> None:
    agree(Landscape.from_function(lambda x: x.square().sum() if float(x[0]) > 0 else 2 * x.square().sum(), 2), vectorised=False)


def test_functions_that_do_not_depend_on_the_parameters() -> None:
    landscape = Landscape.from_function(lambda x: torch.ones((), dtype=x.dtype), 2, weight_decay=2.0)
    values, gradients = ExactGradient(landscape)(states(3, 2), 0)
    assert torch.equal(gradients, 2 * states(3, 2))
    torch.testing.assert_close(values, 1 + states(3, 2).square().sum(1))


def test_modules_whatever_the_batches() -> None:
    torch.manual_seed(0)
    module, inputs, targets = nn.Linear(3, 2).double(), torch.randn(5, 3).double(), torch.randn(5, 2).double()
    found = []
    for cut in (5, 2):
        batches = list(zip(inputs.split(cut), targets.split(cut), strict=True))
        landscape = Landscape.from_module(module, nn.functional.mse_loss, batches, weight_decay=0.1)
        agree(landscape, vectorised=False)
        found.append(ExactGradient(landscape)(states(2, 8), 0)[1])
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-12)
