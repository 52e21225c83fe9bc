from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.curvature.taylor.program import Program, program_for
from villani_verify.curvature.taylor.univariate import UnivariateJet
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

F64 = torch.float64


def exported(landscape: Landscape) -> Program:
    return program_for(landscape.loss_function, landscape.initial, landscape.batches[0])


def function(fn, dimension: int = 3) -> Landscape:
    return Landscape.from_function(fn, dimension, initial=torch.linspace(0.2, 0.9, dimension, dtype=F64))


def test_gelu_is_one_function_of_a_language_model() -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load()
    program = exported(landscape)
    gelus = [f for f in program.functions.values() if any("tanh" in n.name for n in f.nodes)]
    assert [len(f.nodes) for f in gelus] == [8] * 2
    assert not any("tanh" in node.name for node in program.nodes)


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (lambda x: torch.sin(2 * x).square().sum(), [3]),
        (lambda x: (x * torch.exp(x) + 1).sum(), [3]),
        # The sum of all entries is no function of one entry.
        (lambda x: (torch.sin(x) * x.sum()).sum(), []),
        # Two tensors meet.
        (lambda x: (torch.sin(x[:2]) * torch.cos(x[1:])).sum(), []),
        # Another shape.
        (lambda x: (torch.sin(x) + torch.zeros(2, 3, dtype=F64)).sum(), []),
        # What is within is also used outside: it is computed for itself, and again within.
        (lambda x: torch.sin(torch.exp(x)).sum() * torch.exp(x).mean(), [2]),
    ],
)
def test_what_is_a_function_of_one_tensor(fn, expected: list[int]) -> None:
    landscape = function(lambda x: fn(x) + 9)
    program = exported(landscape)
    assert sorted(len(f.nodes) for f in program.functions.values()) == expected
    found, wanted = (
        engine.quadratic_forms(landscape, landscape.initial, seed=1, indices=range(3))
        for engine in (SecondOrderTaylor(), DoubleBackward())
    )
    assert found == pytest.approx(wanted, rel=1e-12)


def test_jets_of_other_kinds_and_tensors_go_through() -> None:
    landscape = function(lambda x: (torch.tanh(x) * x).sum() + 9, 1)
    program = exported(landscape)
    assert program.functions
    x = landscape.initial["theta"]
    tanh, slope = torch.tanh(x), 1 - torch.tanh(x) ** 2
    assert float(program.run(None, lambda _: x)) == pytest.approx(float(tanh * x) + 9)
    jet = program.run(None, lambda _: UnivariateJet([x, torch.ones_like(x)], 2))
    found = [float(c) for c in jet.coefficients]
    assert found == pytest.approx([float(tanh * x) + 9, float(tanh + x * slope), float(slope - x * tanh * slope)], rel=1e-13)


def test_a_parameter_may_be_the_argument() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.log_scale = nn.Parameter(torch.tensor([0.3, -0.2], dtype=F64))

        def forward(self, x: Tensor) -> Tensor:
            return x * (torch.exp(self.log_scale) + 1)

    x = torch.tensor([[1.0, 2.0]], dtype=F64)
    landscape = Landscape.from_module(Scaled(), nn.functional.mse_loss, [(x, 0 * x)])
    assert exported(landscape).functions
    # ½ Σ x² (e^s + 1)² has the second derivatives x² (2 e^2s + e^s).
    scale = torch.exp(torch.tensor([0.3, -0.2], dtype=F64))
    expected = float((x**2 * (2 * scale**2 + scale)).sum())
    found = SecondOrderTaylor().quadratic_forms(landscape, landscape.initial, seed=0, indices=range(2))
    assert found == pytest.approx([expected] * 2, rel=1e-13)
