from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from villani_verify.curvature import forward_over_reverse
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.curvature.probes import signs
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

F64 = torch.float64
ENGINE = ForwardOverReverse()


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


@pytest.mark.parametrize("probes_per_pass", [1, 2, 3, 5, 100])
def test_the_chunk_does_not_change_the_numbers(probes_per_pass: int, monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load()
    whole = forms(landscape, indices=range(5))
    monkeypatch.setattr(forward_over_reverse, "NUMBERS_PER_PASS", probes_per_pass * landscape.dimension)
    assert forms(landscape, indices=range(5)) == pytest.approx(whole, rel=1e-12)
