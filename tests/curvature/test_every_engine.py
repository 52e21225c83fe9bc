"""What every engine must do: the same numbers for the same probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import nn

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.engine_interface import Engine
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.curvature.probes import signs
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

F64 = torch.float64
EVERY = pytest.mark.parametrize("engine", [DoubleBackward(), ForwardOverReverse(), SecondOrderTaylor()], ids=lambda e: e.name)
OTHERS = pytest.mark.parametrize("engine", [ForwardOverReverse(), SecondOrderTaylor()], ids=lambda e: e.name)


def forms(landscape: Landscape, engine: Engine, indices: Sequence[int] = range(4)) -> list[float]:
    return engine.quadratic_forms(landscape, landscape.initial, seed=3, indices=indices)


@EVERY
def test_closed_form_of_a_quadratic(engine: Engine) -> None:
    h = torch.randn(9, 9, generator=torch.Generator().manual_seed(0), dtype=F64)
    h = (h + h.T) / 2
    landscape = Landscape.from_function(lambda t: 0.5 * t @ h @ t + 100, 9, weight_decay=5.0)
    v = torch.stack([signs("theta", (9,), seed=3, index=k, like=h) for k in range(6)])
    # The decay plays no part.
    assert forms(landscape, engine, range(6)) == pytest.approx(torch.einsum("ki,ij,kj->k", v, h, v).tolist(), rel=1e-13)


@EVERY
def test_a_linear_loss_has_no_curvature(engine: Engine) -> None:
    assert forms(Landscape.from_function(lambda t: 5 + t.sum(), 4, blocks={"a": 2, "b": 2}), engine) == [0.0] * 4


@EVERY
def test_tensors_without_influence_or_curvature_add_nothing(engine: Engine) -> None:
    # a enters linearly, b not at all, c quadratically.
    landscape = Landscape.from_function(lambda t: t[0] + t[2] ** 2, 3, blocks={"a": 1, "b": 1, "c": 1})
    assert forms(landscape, engine) == [2.0] * 4


@EVERY
def test_no_probes_no_forms(engine: Engine) -> None:
    assert forms(Landscape.from_function(lambda t: (t**2).sum(), 2), engine, []) == []


@EVERY
def test_numbers_belong_to_addresses(engine: Engine) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load()
    whole = forms(landscape, engine, range(5))
    parts = forms(landscape, engine, [0, 1]) + forms(landscape, engine, [2]) + forms(landscape, engine, [3, 4])
    assert parts == pytest.approx(whole, rel=1e-12)
    assert forms(landscape, engine, [4, 2, 0]) == pytest.approx([whole[4], whole[2], whole[0]], rel=1e-12)


@OTHERS
@pytest.mark.parametrize("name", ["gpt-neo-tiny", "gpt-neo-tiny-relu", "gpt2-tiny", "llama-tiny"])
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_agrees_with_double_backward_on_transformers(engine: Engine, name: str, scale: float) -> None:
    landscape = LandscapeRequest(landscape=name, sequences=2).load()
    landscape = landscape.at({n: t * scale for n, t in landscape.initial.items()})
    # Both are exact up to rounding; terms of the forms cancel by a few digits of sixteen.
    assert forms(landscape, engine) == pytest.approx(forms(landscape, DoubleBackward()), rel=1e-10)


@OTHERS
def test_agrees_with_double_backward_in_float32(engine: Engine) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-small", sequences=1, sequence_length=8).load()
    assert landscape.dtype == torch.float32
    # Seven digits, of which sums over 232,064 terms with cancellation keep at least three.
    assert forms(landscape, engine, range(2)) == pytest.approx(forms(landscape, DoubleBackward(), range(2)), rel=1e-3)


@EVERY
def test_the_second_derivative_of_layer_norm_is_right(engine: Engine) -> None:
    # Nested forward mode gets this one wrong in torch, silently; the reference is a central difference of the value,
    # (f(h) − 2f(0) + f(−h))/h² with error h² f⁗/12 + 4ε|f|/h²: about 1e-6 at h = 1e-4.
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn(6, generator=generator, dtype=F64), torch.randn(6, generator=generator, dtype=F64)
    loss = lambda t: 10 + (weight * nn.functional.layer_norm(t, (6,))).sum()
    landscape = Landscape.from_function(loss, 6, initial=x)
    v = signs("theta", (6,), seed=3, index=0, like=x)
    h = 1e-4
    expected = float(loss(x + h * v) - 2 * loss(x) + loss(x - h * v)) / h**2
    assert forms(landscape, engine, [0]) == pytest.approx([expected], rel=1e-4)
    assert abs(expected) > 0.01


@EVERY
def test_forms_do_not_depend_on_the_batches_or_on_the_order_of_tensors(engine: Engine) -> None:
    whole = LandscapeRequest(landscape="gpt2-tiny", sequences=5).load()
    split = Landscape.causal_lm(whole.loss_function.model, whole.batches[0], sequences_per_batch=2)
    assert [len(b) for b in split.batches] == [2, 2, 1]
    turned = replace(whole, initial=dict(reversed(whole.initial.items())))
    expected = forms(whole, engine, range(2))
    assert forms(split, engine, range(2)) == pytest.approx(expected, rel=1e-11)
    assert forms(turned, engine, range(2)) == pytest.approx(expected, rel=1e-11)
    # Batches weighted equally, whatever their length, would be wrong.
    equal = replace(split, batch_weights=(1.0, 1.0, 1.0))
    assert forms(equal, engine, range(2)) != pytest.approx(expected, rel=1e-3)


@EVERY
def test_a_tied_tensor_is_probed_once(engine: Engine) -> None:
    first, second = nn.Linear(2, 2, bias=False, dtype=F64), nn.Linear(2, 2, bias=False, dtype=F64)
    second.weight = first.weight
    x = torch.tensor([[1.0, 2.0]], dtype=F64)
    landscape = Landscape.from_module(nn.Sequential(first, second), lambda out, target: 100 + out.sum(), [(x, x)])
    # L = 100 + 1ᵀ W W x: the second derivative along V is 2·1ᵀ V V x.
    v = signs("0.weight", (2, 2), seed=3, index=0, like=x)
    assert forms(landscape, engine, [0]) == pytest.approx([2 * float((v @ v @ x[0]).sum())], abs=1e-12)
