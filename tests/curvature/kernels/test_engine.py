"""The engine with its kernels, on whole models: what it gives without them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from villani_verify.curvature import probe_signs, probes
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.curvature.taylor import collapsed_rules, sources
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

WITH_KERNELS = (sources, collapsed_rules, probe_signs)


@pytest.fixture
def used(device, monkeypatch) -> Counter[str]:
    """Use the kernels, interpreted where there is no GPU; return how often each was."""
    from villani_verify.curvature.kernels import fused, philox

    counts: Counter[str] = Counter()

    class Counting:
        def __getattr__(self, name: str) -> Any:
            counts[name] += 1
            return getattr(fused, name)

    for module in WITH_KERNELS:
        monkeypatch.setattr(module, "kernels_for", lambda _: None if torch.is_grad_enabled() else Counting())
    monkeypatch.setattr(probes, "sign_kernels_for", lambda _: philox)
    if device.type == "cpu":
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    return counts


def numbers(landscape: Landscape) -> list[float]:
    engine = SecondOrderTaylor()
    arguments = {"seed": 2, "indices": range(3)}
    return [x for f in (engine.quadratic_forms, engine.laplacian_samples) for x in f(landscape, landscape.initial, **arguments)]


@pytest.mark.parametrize("name", ["gpt-neo-small", "llama-tiny", "gpt2-tiny"])
def test_models_have_the_same_forms_and_samples(name, device, used, monkeypatch) -> None:
    landscape = LandscapeRequest(landscape=name, sequences=1, sequence_length=6, dtype="float64", device=str(device)).load()
    found = numbers(landscape)
    assert used["inner"] > 0
    assert used["softmax"] > 0
    assert used["spread"] > 0
    assert (used["layer_norm"] > 0) == (name != "llama-tiny")  # which has RMSNorm
    assert (used["add_patterned"] > 0) == (name == "gpt-neo-small")  # the only one with more than 96 rows
    for module in WITH_KERNELS:
        monkeypatch.setattr(module, "kernels_for", lambda _: None)
    assert found == pytest.approx(numbers(landscape), rel=1e-10)


def test_rows_with_a_moving_scale_and_a_fixed_one(device, used) -> None:
    """LayerNorm whose weight is a parameter used twice, so not independent of what it is multiplied with; and one without any."""

    def loss(theta: torch.Tensor) -> torch.Tensor:
        x = torch.nn.functional.layer_norm(theta.reshape(2, 3), (3,), theta[:3], theta[3:])
        return (torch.nn.functional.layer_norm(x.exp(), (3,)) ** 3).sum()

    theta = torch.tensor([0.3, -1.0, 0.7, 2.0, 0.1, -0.4], dtype=torch.float64, device=device)
    scape = Landscape.from_function(loss, 6, initial=theta)
    found = SecondOrderTaylor().quadratic_forms(scape, scape.initial, seed=0, indices=range(4))
    hessian = torch.autograd.functional.hessian(loss, theta)
    (name,) = scape.initial
    signs = [probe_signs.probe_signs(name, (6,), seed=0, index=k, like=theta) for k in range(4)]
    assert found == pytest.approx([float(v @ hessian @ v) for v in signs], rel=1e-10)
    assert used["layer_norm"] > 0
