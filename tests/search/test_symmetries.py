from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from villani_verify.landscape import Landscape
from villani_verify.landscapes.zoo import zoo_entry
from villani_verify.search.draw import tensor_blocks
from villani_verify.search.families import Scaling
from villani_verify.search.symmetries import scaling_symmetries


def function(fn: object, **blocks: int) -> Landscape:
    return Landscape.from_function(fn, sum(blocks.values()), blocks=blocks)  # type: ignore[arg-type]


def test_a_product_balances() -> None:
    one = function(lambda t: (t[0] * t[1] - 1).square(), a=1, b=1)
    assert scaling_symmetries(one, ["a", "b"]) == [{"a": 1, "b": -1}]


def test_exponents_follow_the_powers() -> None:
    one = function(lambda t: (t[0] * t[1] ** 2 - 1).square(), a=1, b=1)
    assert scaling_symmetries(one, ["a", "b"]) == [{"a": 2, "b": -1}]


def test_what_feeds_nothing_is_free() -> None:
    one = function(lambda t: (t[0] * t[1] * torch.cosh(t[2]) - 1).square(), a=1, b=1, c=1)
    assert scaling_symmetries(one, ["a", "b", "c"]) == [{"a": 1, "b": -1}]
    assert scaling_symmetries(one, ["a", "b", "c"], zeroed=["a"]) == [{"b": 1}, {"c": 1}]


def test_a_function_without_symmetry_has_none() -> None:
    one = function(lambda t: (t[0] * t[1] - 1).square() + 1e-3 * t[0].square(), a=1, b=1)
    assert scaling_symmetries(one, ["a", "b"]) == []


def test_irrational_and_large_exponents_are_left_out() -> None:
    irrational = function(lambda t: (t[0].abs() * t[1].abs() ** 2**0.5 - 1).square(), a=1, b=1)
    assert scaling_symmetries(irrational, ["a", "b"]) == []
    nearly = function(lambda t: (t[0].abs() * t[1].abs() ** 1.0005 - 1).square(), a=1, b=1)
    assert scaling_symmetries(nearly, ["a", "b"]) == []
    large = function(lambda t: (t[0] * t[1] ** 5 - 1).square(), a=1, b=1)
    assert scaling_symmetries(large, ["a", "b"]) == []


def test_a_loss_that_is_never_finite_has_none() -> None:
    one = function(lambda t: torch.log(-t.square().sum()), a=1, b=1)
    assert scaling_symmetries(one, ["a", "b"]) == []


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh()])
def test_layers_of_a_module_balance_if_the_activation_is_homogeneous(activation: nn.Module) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 5), activation, nn.Linear(5, 2)).double()
    data = torch.randn(20, 3, dtype=torch.float64), torch.randn(20, 2, dtype=torch.float64)
    one = Landscape.from_module(module, nn.functional.mse_loss, [data])
    expected = [{"0.weight": 1, "0.bias": 1, "2.weight": -1}] if isinstance(activation, nn.ReLU) else []
    assert scaling_symmetries(one, list(one.initial)) == expected


@pytest.mark.parametrize("name", ["gpt-neo-tiny", "gpt-neo-tiny-relu", "gpt2-tiny", "llama-tiny", "gpt-neo-small"])
def test_scaling_by_a_symmetry_of_a_transformer_leaves_its_loss_alone(name: str) -> None:
    one = zoo_entry(name).make()
    (block, *_) = [b for b in tensor_blocks(list(one.initial)) if len(b) > 5]
    off = next(n for n in reversed(block) if one.initial[n].dim() >= 2)
    tolerance = 1e-10 if one.dtype == torch.float64 else 1e-5
    for zeroed in ((), (off,)):
        basis = scaling_symmetries(one, block, zeroed=zeroed)
        assert len(basis) >= 2
        for exponents in basis:
            points = Scaling(exponents, zeroed).points(one)
            assert one.loss(points(3.0)) == pytest.approx(one.loss(points(1.0)), rel=tolerance)


def test_queries_balance_keys_and_gains_balance_what_follows() -> None:
    one = zoo_entry("gpt-neo-tiny").make()
    block = next(b for b in tensor_blocks(list(one.initial)) if len(b) > 5)
    found = [{n.split(".h.0.")[1].removesuffix(".weight"): a for n, a in e.items()} for e in scaling_symmetries(one, block)]
    assert {"attn.attention.k_proj": 1, "attn.attention.q_proj": -1} in found
    assert {"attn.attention.v_proj": 1, "attn.attention.out_proj": -1} in found
    assert {"ln_2": 1, "ln_2.bias": 1, "mlp.c_fc": -1} in found
    # The first gain is met by queries, keys and values.
    ((gain, _),) = [(e, 0) for e in found if "ln_1" in e]
    assert gain["ln_1"] == gain["ln_1.bias"] == 1
    q, k, v, out = (gain.get(f"attn.attention.{n}_proj", 0) for n in ("q", "k", "v", "out"))
    assert 2 + q + k == 0
    assert 1 + v + out == 0


def test_rounding_does_not_hide_a_weak_dependence() -> None:
    def loss(t: Tensor) -> Tensor:
        return (t[0] * t[1] - 1).square() + 1e-6 * torch.cos(t[0])

    assert scaling_symmetries(function(loss, a=1, b=1), ["a", "b"]) == []
