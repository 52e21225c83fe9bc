from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from villani_verify.curvature import forward_over_reverse
from villani_verify.curvature.double_backward import DoubleBackward
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


def test_closed_form_of_a_quadratic() -> None:
    h = symmetric(9)
    landscape = Landscape.from_function(lambda t: 0.5 * t @ h @ t + 100, 9, weight_decay=5.0)
    v = torch.stack([signs("theta", (9,), seed=3, index=k, like=h) for k in range(6)])
    assert forms(landscape, indices=range(6)) == pytest.approx(torch.einsum("ki,ij,kj->k", v, h, v).tolist(), rel=1e-13)


def test_a_linear_loss_has_no_curvature() -> None:
    landscape = Landscape.from_function(lambda t: 5 + t.sum(), 4, blocks={"a": 2, "b": 2})
    assert forms(landscape) == [0.0] * 4


def test_tensors_without_influence_or_curvature_add_nothing() -> None:
    landscape = Landscape.from_function(lambda t: t[0] + t[2] ** 2, 3, blocks={"a": 1, "b": 1, "c": 1})
    assert forms(landscape) == [2.0] * 4


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


def test_no_probes_no_forms() -> None:
    assert forms(Landscape.from_function(lambda t: (t**2).sum(), 2), indices=[]) == []


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


def test_numbers_belong_to_addresses() -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load()
    whole = forms(landscape, indices=range(5))
    assert forms(landscape, indices=[0, 1]) + forms(landscape, indices=[2]) + forms(landscape, indices=[3, 4]) == pytest.approx(
        whole, rel=1e-12
    )
    assert forms(landscape, indices=[4, 2, 0]) == pytest.approx([whole[4], whole[2], whole[0]], rel=1e-12)


@pytest.mark.parametrize("name", ["gpt-neo-tiny", "gpt-neo-tiny-relu", "gpt2-tiny", "llama-tiny"])
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_agrees_with_double_backward_on_transformers(name: str, scale: float) -> None:
    landscape = LandscapeRequest(landscape=name, sequences=2).load()
    landscape = landscape.at({n: t * scale for n, t in landscape.initial.items()})
    # Both are exact up to rounding; terms of the forms cancel by a few digits of sixteen.
    assert forms(landscape) == pytest.approx(forms(landscape, DoubleBackward()), rel=1e-10)


def test_agrees_with_double_backward_in_float32() -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-small", sequences=1, sequence_length=8).load()
    assert landscape.dtype == torch.float32
    reverse = forms(landscape, DoubleBackward(), indices=range(2))
    # Seven digits, of which sums over 232,064 terms with cancellation keep at least three.
    assert forms(landscape, indices=range(2)) == pytest.approx(reverse, rel=1e-3)


def test_the_second_derivative_of_layer_norm_is_right() -> None:
    # Nested forward mode gets this one wrong in torch, silently; the reference is a central difference of the value,
    # (f(h) − 2f(0) + f(−h))/h² with error h² f⁗/12 + 4ε|f|/h²: about 1e-6 at h = 1e-4.
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn(6, generator=generator, dtype=F64), torch.randn(6, generator=generator, dtype=F64)
    loss = lambda t: 10 + (weight * nn.functional.layer_norm(t, (6,))).sum()
    landscape = Landscape.from_function(loss, 6, initial=x)
    v = signs("theta", (6,), seed=3, index=0, like=x)
    h = 1e-4
    expected = float(loss(x + h * v) - 2 * loss(x) + loss(x - h * v)) / h**2
    assert forms(landscape, indices=[0]) == pytest.approx([expected], rel=1e-4)
    assert abs(expected) > 0.01


@pytest.mark.parametrize("engine", [ENGINE, DoubleBackward()], ids=lambda e: e.name)
def test_forms_do_not_depend_on_the_batches_or_on_the_order_of_tensors(engine: Any) -> None:
    whole = LandscapeRequest(landscape="gpt2-tiny", sequences=5).load()
    split = Landscape.causal_lm(whole.loss_function.model, whole.batches[0], sequences_per_batch=2)
    assert [len(b) for b in split.batches] == [2, 2, 1]
    turned = replace(whole, initial=dict(reversed(whole.initial.items())))
    expected = forms(whole, engine, indices=range(2))
    assert forms(split, engine, indices=range(2)) == pytest.approx(expected, rel=1e-11)
    assert forms(turned, engine, indices=range(2)) == pytest.approx(expected, rel=1e-11)
    # Batches weighted equally, whatever their length, would be wrong.
    equal = replace(split, batch_weights=(1.0, 1.0, 1.0))
    assert forms(equal, engine, indices=range(2)) != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("engine", [ENGINE, DoubleBackward()], ids=lambda e: e.name)
def test_a_tied_tensor_is_probed_once(engine: Any) -> None:
    first, second = nn.Linear(2, 2, bias=False, dtype=F64), nn.Linear(2, 2, bias=False, dtype=F64)
    second.weight = first.weight
    x = torch.tensor([[1.0, 2.0]], dtype=F64)
    landscape = Landscape.from_module(nn.Sequential(first, second), lambda out, target: 100 + out.sum(), [(x, x)])
    # L = 100 + 1ᵀ W W x: the second derivative along V is 2·1ᵀ V V x.
    (v,) = (signs("0.weight", (2, 2), seed=3, index=0, like=x),)
    assert forms(landscape, engine, indices=[0]) == pytest.approx([2 * float((v @ v @ x[0]).sum())], abs=1e-12)
