from __future__ import annotations

import math

import pytest
import torch

from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.zoo import zoo_entry
from villani_verify.points import norm
from villani_verify.search.stationary import stationary_point


def test_a_quadratic_is_solved_and_what_is_off_stays_off() -> None:
    one = Landscape.from_function(lambda t: (t - torch.tensor([1.0, 2.0, 3.0])).square().sum(), 3, blocks={"a": 2, "b": 1})
    found = stationary_point(one, ["b"], 50)
    assert found["a"] == pytest.approx(torch.tensor([1.0, 2.0], dtype=torch.float64), abs=1e-8)
    assert found["b"].tolist() == [0.0]
    assert one.initial["a"].tolist() == [3**-0.5] * 2  # the reference point is untouched


def test_batches_count_by_their_weights() -> None:
    module = torch.nn.Linear(1, 1, bias=False).double()
    one, two = torch.ones(1, 1, dtype=torch.float64), torch.ones(3, 1, dtype=torch.float64)
    both = Landscape.from_module(module, torch.nn.functional.mse_loss, [(one, 0 * one), (two, two)])
    assert float(stationary_point(both, [], 100)["weight"]) == pytest.approx(0.75, abs=1e-8)


def test_the_same_request_is_computed_once() -> None:
    one = Landscape.from_function(lambda t: (t - 1).square().sum(), 2)
    assert stationary_point(one, [], 10) is stationary_point(one, [], 10)
    assert stationary_point(one, [], 11) is not stationary_point(one, [], 10)


def test_a_transformer_with_two_continuations_gets_to_the_odds() -> None:
    one = zoo_entry("gpt-neo-tiny-ambiguous").make()
    off = next(n for n in one.initial if n.endswith("h.1.mlp.c_proj.weight"))
    point = stationary_point(one, [off], 300)
    loss, gradient = loss_and_gradient(one, point)
    assert loss == pytest.approx(math.log(2), abs=1e-4)
    gradient.pop(off)
    assert norm(gradient) < 1e-4


def test_a_loss_without_numbers_is_one_line() -> None:
    one = Landscape.from_function(lambda t: torch.log(t - 2).sum().square(), 1)
    with pytest.raises(RequestError, match=r"L is .* on the way; use another reference point"):
        stationary_point(one, [], 20)
