from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from villani_verify.curvature.gradient import add_decay, gradient_norms_squared, loss_and_gradient
from villani_verify.curvature.probe_signs import probe_of
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

F64 = torch.float64
THETA = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=F64)
BLOCKS = {"a": 1, "b": 3}
SCALES = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=F64)


def quartic(theta: Tensor) -> Tensor:
    return 0.25 * (SCALES * theta**4).sum()


def test_closed_form_of_a_quartic() -> None:
    landscape = Landscape.from_function(quartic, 4, blocks=BLOCKS, initial=THETA)
    loss, gradient = loss_and_gradient(landscape, landscape.initial)
    assert loss == pytest.approx(0.25 * (1 + 2 * 16 + 3 / 16 + 4 * 81), rel=1e-15)
    torch.testing.assert_close(torch.cat([gradient["a"], gradient["b"]]), SCALES * THETA**3, rtol=1e-15, atol=0)


def test_norms_with_partial_decay() -> None:
    landscape = Landscape.from_function(quartic, 4, blocks=BLOCKS, initial=THETA, weight_decay=0.3, no_decay=("a",))
    loss, plain, full = gradient_norms_squared(landscape, landscape.initial)
    gradient = SCALES * THETA**3
    regularised = gradient + 0.3 * THETA * torch.tensor([0.0, 1, 1, 1], dtype=F64)
    assert loss == landscape.loss(landscape.initial)
    assert plain == pytest.approx(float(gradient @ gradient), rel=1e-14)
    assert full == pytest.approx(float(regularised @ regularised), rel=1e-14)


def test_add_decay_touches_decayed_tensors_only() -> None:
    landscape = Landscape.from_function(quartic, 4, blocks=BLOCKS, initial=THETA, weight_decay=0.5, no_decay=("b",))
    gradient = add_decay(landscape, landscape.initial, {"a": torch.zeros(1, dtype=F64), "b": torch.zeros(3, dtype=F64)})
    assert gradient["a"].tolist() == [0.5]
    assert gradient["b"].tolist() == [0, 0, 0]


def test_a_tensor_without_influence_has_gradient_zero() -> None:
    landscape = Landscape.from_function(lambda t: t[0] ** 2, 4, blocks=BLOCKS, initial=THETA)
    _, gradient = loss_and_gradient(landscape, landscape.initial)
    assert gradient["a"].tolist() == [2.0]
    assert gradient["b"].tolist() == [0.0, 0.0, 0.0]


def test_the_point_is_not_changed() -> None:
    landscape = Landscape.from_function(quartic, 4, initial=THETA, weight_decay=1.0)
    point = {"theta": THETA.clone().requires_grad_()}
    first = gradient_norms_squared(landscape, point)
    assert point["theta"].grad is None
    assert torch.equal(point["theta"].detach(), THETA)
    assert gradient_norms_squared(landscape, point) == first


@pytest.mark.parametrize("name", ["gpt-neo-tiny", "gpt2-tiny", "llama-tiny"])
def test_central_differences_on_transformers(name: str) -> None:
    landscape = LandscapeRequest(landscape=name, sequences=2).load()
    point = landscape.initial
    v = probe_of(point, seed=1, index=0)
    _, gradient = loss_and_gradient(landscape, point)
    slope = math.fsum(float((gradient[n] * v[n]).sum()) for n in v)

    def difference(h: float) -> float:
        plus, minus = ({n: t + sign * h * v[n] for n, t in point.items()} for sign in (1, -1))
        return (landscape.loss(plus) - landscape.loss(minus)) / (2 * h)

    # (L(θ + hv) − L(θ − hv))/2h = v·∇L + c h² + O(h⁴) + rounding: two steps, extrapolated, leave O(h⁴). With a
    # ±1 direction c is about 10⁴ here, so at h = 1e-4 the h⁴ term is below 1e-7; rounding is ε L/h = 2e-12.
    h = 1e-4
    extrapolated = (4 * difference(h / 2) - difference(h)) / 3
    assert slope == pytest.approx(extrapolated, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_micro_batches_with_a_short_last_one(rows: int) -> None:
    whole = LandscapeRequest(landscape="gpt-neo-tiny", sequences=5).load()
    split = Landscape.causal_lm(whole.loss_function.model, whole.batches[0], weight_decay=0.1, sequences_per_batch=rows)
    assert gradient_norms_squared(split, split.initial) == pytest.approx(gradient_norms_squared(whole, whole.initial), rel=1e-12)
