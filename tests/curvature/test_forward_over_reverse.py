from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from villani_verify.curvature import forward_over_reverse
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse, stacked_forms
from villani_verify.curvature.probes import signs
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

F64 = torch.float64
ENGINE = ForwardOverReverse()


def symmetric(d: int) -> Tensor:
    a = torch.randn(d, d, generator=torch.Generator().manual_seed(0), dtype=F64)
    return (a + a.T) / 2


def forms(landscape: Landscape, engine: Any = ENGINE, *, seed: int = 3, indices: Any = range(4)) -> list[float]:
    return engine.quadratic_forms(landscape, landscape.initial, seed=seed, indices=indices)


@pytest.mark.parametrize("loss", [nn.functional.mse_loss, nn.functional.huber_loss])
@pytest.mark.parametrize("count", [1, 3])
def test_losses_whose_backward_has_no_forward_mode_rule(loss: Any, count: int) -> None:
    module = nn.Linear(2, 1, dtype=F64)
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)
    data = torch.tensor([[1.0, 1.0], [1.0, -2.0]], dtype=F64), torch.tensor([[0.3], [0.1]], dtype=F64)
    landscape = Landscape.from_module(module, loss, [data])
    # Near zero the Huber loss is half the square, so H is c (x̂₁x̂₁ᵀ + x̂₂x̂₂ᵀ)/2 with x̂ = (x, 1) and c = 2 or 1.
    c = 2 if loss is nn.functional.mse_loss else 1
    expected = []
    for k in range(count):
        v = torch.cat([signs(n, t.shape, seed=3, index=k, like=t).reshape(-1) for n, t in landscape.initial.items()])
        expected.append(c * sum(float(v[:2] @ x + v[2]) ** 2 for x in data[0]) / 2)
    assert forms(landscape, indices=range(count)) == pytest.approx(expected, rel=1e-13)


def test_stacked_directions_of_any_length() -> None:
    h = symmetric(5)
    landscape = Landscape.from_function(lambda t: 0.5 * t @ h @ t + 100, 5, blocks={"a": 2, "b": 3})
    directions = torch.randn(3, 5, generator=torch.Generator().manual_seed(1), dtype=F64)
    expected = torch.einsum("ki,ij,kj->k", directions, h, directions).tolist()
    for rows in (slice(0, 3), slice(1, 2)):
        stacked = {"a": directions[rows, :2], "b": directions[rows, 2:]}
        assert stacked_forms(landscape, landscape.initial, stacked) == pytest.approx(expected[rows], rel=1e-13)


@pytest.mark.parametrize("probes_per_pass", [1, 2, 3, 5, 100])
def test_the_chunk_does_not_change_the_numbers(probes_per_pass: int, monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load()
    whole = forms(landscape, indices=range(5))
    monkeypatch.setattr(forward_over_reverse, "_NUMBERS_PER_PASS", probes_per_pass * landscape.dimension)
    assert forms(landscape, indices=range(5)) == pytest.approx(whole, rel=1e-12)
