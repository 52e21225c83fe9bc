from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.errors import LandscapeError, RequestError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.architectures import gpt_neo_tiny
from villani_verify.losses import next_token_loss
from villani_verify.points import norm, squared_norm

F64 = torch.float64


def bowl(theta: Tensor) -> Tensor:
    return 0.5 * (theta * theta).sum()


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    return ((prediction - target) ** 2).mean()


def network(dropout: float = 0.0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(dropout), nn.Linear(4, 2)).double()


def regression_data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(11, 3, generator=generator, dtype=F64), torch.randn(11, 2, generator=generator, dtype=F64)


def split_regression(sizes: list[int], **options: Any) -> Landscape:
    x, y = regression_data()
    return Landscape.from_module(network(), mse, list(zip(x.split(sizes), y.split(sizes), strict=True)), **options)


class TestFromFunction:
    def test_value_is_loss_plus_decay(self) -> None:
        landscape = Landscape.from_function(
            lambda t: (t**4).sum(), 3, weight_decay=0.5, initial=torch.tensor([1.0, 2.0, 3.0], dtype=F64)
        )
        assert landscape.dimension == 3
        assert landscape.loss(landscape.initial) == 98.0
        assert landscape.decay_value(landscape.initial) == 0.25 * 14
        assert landscape.value(landscape.initial) == 98.0 + 3.5
        assert landscape.decay_laplacian == 1.5
        assert landscape.smallest_decay == 0.5
        assert landscape.undecayed == ()

    def test_default_start_has_norm_one(self) -> None:
        landscape = Landscape.from_function(bowl, 7)
        assert norm(landscape.initial) == pytest.approx(1.0, rel=1e-15)
        assert (landscape.dtype, landscape.device, landscape.name) == (F64, torch.device("cpu"), "function")

    def test_blocks_name_consecutive_numbers(self) -> None:
        start = torch.arange(5, dtype=F64)
        landscape = Landscape.from_function(lambda t: t[3] * 10, 5, blocks={"a": 2, "b": 3}, initial=start)
        assert landscape.initial["a"].tolist() == [0, 1]
        assert landscape.initial["b"].tolist() == [2, 3, 4]
        assert landscape.loss(landscape.initial) == 30.0

    def test_a_point_is_read_by_name_not_by_order(self) -> None:
        landscape = Landscape.from_function(lambda t: t[0] * 10 + t[1], 2, blocks={"b": 1, "a": 1})
        one, two = torch.tensor([1.0], dtype=F64), torch.tensor([2.0], dtype=F64)
        assert landscape.loss({"b": one, "a": two}) == landscape.loss({"a": two, "b": one}) == 12.0

    def test_the_start_is_copied(self) -> None:
        start = torch.ones(2, dtype=F64)
        landscape = Landscape.from_function(bowl, 2, initial=start)
        start.zero_()
        assert landscape.loss(landscape.initial) == 1.0

    @pytest.mark.parametrize(
        ("dimension", "options", "message"),
        [
            (0, {}, r"^dimension of landscape 'function': 0 is not at least 1; give a positive integer$"),
            (
                3,
                {"blocks": {"a": 2}},
                r"^blocks of landscape 'function': \{'a': 2\} does not add up to dimension 3; mend the lengths$",
            ),
            (3, {"blocks": {"a": 4, "b": -1}}, r"does not add up to dimension 3"),
            (3, {"blocks": {}}, r"does not add up to dimension 3"),
            (
                3,
                {"initial": torch.ones(2)},
                r"^initial point of landscape 'function': shape \(2,\) is not \(3,\); give a 1-D tensor$",
            ),
            (3, {"weight_decay": -1.0}, r"^weight decay: -1.0 is not a finite number ≥ 0; give one such as 0.1$"),
            (3, {"weight_decay": math.nan}, r"^weight decay: nan is not a finite number ≥ 0"),
            (3, {"weight_decay": math.inf}, r"^weight decay: inf is not a finite number ≥ 0"),
            (3, {"weight_decay": {"phi": 0.1}}, r"^weight decay: no entry matches parameter 'theta'; add one, or a pattern '\*'$"),
            (3, {"no_decay": ["bias"]}, r"^no-decay pattern 'bias': no parameter is called so; there are theta$"),
        ],
    )
    def test_errors(self, dimension: int, options: dict[str, Any], message: str) -> None:
        with pytest.raises(RequestError, match=message):
            Landscape.from_function(bowl, dimension, **options)


class TestDecay:
    blocks: ClassVar = {"embedding": 1, "layer.0.weight": 2, "layer.0.bias": 1, "layer.1.bias": 1}

    def make(self, **options: Any) -> Landscape:
        return Landscape.from_function(bowl, 5, blocks=self.blocks, **options)

    def test_patterns_take_decay_away(self) -> None:
        landscape = self.make(weight_decay=0.2, no_decay=("*.bias", "embedding"))
        assert landscape.decay == {"embedding": 0.0, "layer.0.weight": 0.2, "layer.0.bias": 0.0, "layer.1.bias": 0.0}
        assert landscape.undecayed == ("embedding", "layer.0.bias", "layer.1.bias")
        assert landscape.decay_laplacian == pytest.approx(0.4)
        assert landscape.smallest_decay == 0.0
        assert landscape.decay_value({n: torch.full((k,), 3.0) for n, k in self.blocks.items()}) == pytest.approx(0.5 * 0.2 * 18)

    def test_a_mapping_takes_its_first_pattern_that_matches(self) -> None:
        landscape = self.make(weight_decay={"layer.0.bias": 0.3, "*.bias": 0.1, "*": 0.5})
        assert landscape.decay == {"embedding": 0.5, "layer.0.weight": 0.5, "layer.0.bias": 0.3, "layer.1.bias": 0.1}

    def test_many_names_are_not_all_listed(self) -> None:
        with pytest.raises(RequestError, match=r"there are embedding, layer\.0\.weight, layer\.0\.bias, layer\.1\.bias$"):
            self.make(no_decay=("nothing",))
        with pytest.raises(RequestError, match=r"there are b0, b1, b2, b3 and 2 more$"):
            Landscape.from_function(bowl, 6, blocks={f"b{i}": 1 for i in range(6)}, no_decay=("nothing",))

    def test_with_decay_changes_only_the_decay(self) -> None:
        landscape = self.make(weight_decay=0.2)
        other = landscape.with_decay(0.7, ("embedding",))
        assert other.decay == {"embedding": 0.0, "layer.0.weight": 0.7, "layer.0.bias": 0.7, "layer.1.bias": 0.7}
        assert landscape.decay["embedding"] == 0.2
        assert other.loss(other.initial) == landscape.loss(landscape.initial)


class TestFromModule:
    def test_loss_is_the_mean_over_all_terms_however_they_are_split(self) -> None:
        x, y = regression_data()
        expected = float(mse(network()(x), y).detach())
        for sizes in ([11], [5, 5, 1], [4, 7], [1] * 11):
            landscape = split_regression(sizes)
            assert landscape.loss(landscape.initial) == pytest.approx(expected, rel=1e-14)

    def test_equal_weights_would_be_wrong(self) -> None:
        landscape = split_regression([5, 5, 1])
        assert landscape.batch_weights == (10.0, 10.0, 2.0)
        equal = replace(landscape, batch_weights=(1.0, 1.0, 1.0))
        assert abs(equal.loss(landscape.initial) / landscape.loss(landscape.initial) - 1) > 1e-3

    def test_gradient_and_forms_do_not_depend_on_the_split(self) -> None:
        whole, split = split_regression([11]), split_regression([5, 5, 1])
        for a, b in zip(
            loss_and_gradient(whole, whole.initial)[1].values(), loss_and_gradient(split, split.initial)[1].values(), strict=True
        ):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)
        forms = [DoubleBackward().quadratic_forms(ls, ls.initial, seed=3, indices=range(4)) for ls in (whole, split)]
        assert forms[0] == pytest.approx(forms[1], rel=1e-12)

    def test_nothing_depends_on_the_order_of_the_parameters(self) -> None:
        landscape = split_regression([5, 5, 1], weight_decay=0.1)
        turned = replace(landscape, initial=dict(reversed(landscape.initial.items())))
        assert list(turned.initial) != list(landscape.initial)
        assert turned.loss(turned.initial) == landscape.loss(landscape.initial)
        assert turned.decay_value(turned.initial) == pytest.approx(landscape.decay_value(landscape.initial), rel=1e-15)
        engine = DoubleBackward()
        forms = [engine.quadratic_forms(ls, ls.initial, seed=3, indices=range(4)) for ls in (landscape, turned)]
        assert forms[0] == pytest.approx(forms[1], rel=1e-13)

    def test_ignored_targets_do_not_count(self) -> None:
        generator = torch.Generator().manual_seed(2)
        x = torch.randn(9, 3, generator=generator, dtype=F64)
        y = torch.tensor([0, 1, -100, -100, 1, 0, -100, 1, 1])
        ce = nn.functional.cross_entropy
        batches = list(zip(x.split(4), y.split(4), strict=True))
        landscape = Landscape.from_module(network(), ce, batches)
        assert landscape.batch_weights == (2.0, 3.0, 1.0)
        logits = network()(x).log_softmax(-1)
        expected = -math.fsum(float(logits[i, t]) for i, t in enumerate(y.tolist()) if t >= 0) / 6
        assert landscape.loss(landscape.initial) == pytest.approx(expected, rel=1e-14)

    def test_the_module_is_left_alone_and_dropout_is_off(self) -> None:
        module = network(dropout=0.5)
        before = {n: p.clone() for n, p in module.named_parameters()}
        x, y = regression_data()
        landscape = Landscape.from_module(module, mse, [(x, y)])
        landscape.check()
        loss_and_gradient(landscape, {n: 2 * t for n, t in landscape.initial.items()})
        landscape.to(dtype=torch.float32)
        assert landscape.loss(landscape.initial) == pytest.approx(float(mse(network()(x), y)), rel=1e-14)
        assert module.training
        for name, parameter in module.named_parameters():
            assert torch.equal(parameter, before[name])
            assert parameter.grad is None
            assert parameter.dtype == F64

    def test_later_changes_of_the_module_do_not_reach_the_landscape(self) -> None:
        module = network()
        landscape = Landscape.from_module(module, mse, [regression_data()])
        first = landscape.loss(landscape.initial)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.zero_()
        assert landscape.loss(landscape.initial) == first

    def test_frozen_parameters_are_constants(self) -> None:
        module = network()
        module[0].weight.requires_grad_(False)
        landscape = Landscape.from_module(module, mse, [regression_data()])
        assert "0.weight" not in landscape.initial
        assert landscape.dimension == 4 + 8 + 2
        assert landscape.loss(landscape.initial) == pytest.approx(float(mse(module(regression_data()[0]), regression_data()[1])))

    def test_the_laplacian_of_the_decay_counts_every_entry(self) -> None:
        inputs, targets = torch.ones(4, 3, dtype=F64), torch.zeros(4, 2, dtype=F64)
        module = nn.Linear(3, 2, dtype=F64)
        landscape = Landscape.from_module(module, mse, [(inputs, targets)], weight_decay={"weight": 0.1, "bias": 0.5})
        assert landscape.decay_laplacian == pytest.approx(6 * 0.1 + 2 * 0.5)

    def test_tied_parameters_count_once(self) -> None:
        first, second = nn.Linear(3, 3, bias=False, dtype=F64), nn.Linear(3, 3, bias=False, dtype=F64)
        second.weight = first.weight
        x = regression_data()[0]
        landscape = Landscape.from_module(nn.Sequential(first, second), mse, [(x, x)])
        assert landscape.dimension == 9
        # L at twice the weight: both layers see it.
        doubled = {n: 2 * t for n, t in landscape.initial.items()}
        w = first.weight.detach()
        assert landscape.loss(doubled) == pytest.approx(float(mse(4 * x @ w.T @ w.T, x)), rel=1e-13)

    def test_given_weights_are_used(self) -> None:
        landscape = split_regression([5, 6], weights=[1.0, 3.0])
        (wa, a), (wb, b) = landscape.weighted_batches()
        assert (wa, wb) == (0.25, 0.75)
        x, y = regression_data()
        expected = 0.25 * float(mse(network()(x[:5]), y[:5])) + 0.75 * float(mse(network()(x[5:]), y[5:]))
        assert torch.equal(a[0], x[:5])
        assert torch.equal(b[0], x[5:])
        assert landscape.loss(landscape.initial) == pytest.approx(expected, rel=1e-14)

    def test_targets_that_are_no_tensor_count_by_length(self) -> None:
        x = regression_data()[0]
        loss = lambda p, t: mse(p, torch.tensor(t, dtype=p.dtype))
        landscape = Landscape.from_module(network(), loss, [(x[:2], [[0.0, 1.0]] * 2), (x[2:5], [[1.0, 0.0]] * 3)])
        assert landscape.batch_weights == (2.0, 3.0)

    def test_name(self) -> None:
        assert split_regression([11]).name == "Sequential"
        assert split_regression([11], name="mine").name == "mine"

    @pytest.mark.parametrize(
        ("sizes", "options", "message"),
        [
            (
                [5, 6],
                {"weights": [1.0]},
                r"^weights of landscape 'Sequential': \[1.0\] is not one positive number a batch; mend them$",
            ),
            ([5, 6], {"weights": [1.0, 0.0]}, r"is not one positive number a batch"),
            (
                [11],
                {"no_decay": ["*.gain"]},
                r"^no-decay pattern '\*\.gain': no parameter is called so; there are 0\.weight, 0\.bias",
            ),
        ],
    )
    def test_errors(self, sizes: list[int], options: dict[str, Any], message: str) -> None:
        with pytest.raises(RequestError, match=message):
            split_regression(sizes, **options)

    def test_no_batches(self) -> None:
        with pytest.raises(RequestError, match=r"^batches of landscape 'Sequential': the list is empty; give at least one"):
            Landscape.from_module(network(), mse, [])

    def test_a_batch_of_ignored_targets_only(self) -> None:
        with pytest.raises(RequestError, match=r"^weights of landscape 'Sequential': \[0.0\] is not one positive number"):
            Landscape.from_module(network(), nn.functional.cross_entropy, [(torch.ones(1, 3, dtype=F64), torch.tensor([-100]))])

    def test_nothing_to_train(self) -> None:
        with pytest.raises(
            RequestError, match=r"^landscape 'Sequential': no parameter requires a gradient; unfreeze at least one$"
        ):
            Landscape.from_module(network().requires_grad_(False), mse, [regression_data()])


TOKENS = torch.tensor([[0, 1, 2, 3, 4], [4, 4, 2, 6, 0], [5, 0, 1, 1, 3], [6, 5, 4, 3, 2], [1, 3, 5, 0, 2]])


class TestCausalLanguageModel:
    def test_loss_is_the_mean_negative_log_probability_of_the_next_token(self) -> None:
        model = gpt_neo_tiny()
        landscape = Landscape.causal_lm(model, TOKENS)
        with torch.no_grad():
            log_p = model(TOKENS, use_cache=False).logits.log_softmax(-1)
        expected = -math.fsum(float(log_p[i, t, TOKENS[i, t + 1]]) for i in range(5) for t in range(4)) / 20
        assert landscape.loss(landscape.initial) == pytest.approx(expected, rel=1e-14)

    def test_next_token_loss_on_given_probabilities(self) -> None:
        logits = torch.tensor([[[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]]], dtype=F64).log()
        # Tokens 1 then 0: −(log 0.8 + log 0.5)/2; the last row of logits predicts nothing that is known.
        assert float(next_token_loss(logits, torch.tensor([[0, 1, 0]]))) == pytest.approx(-math.log(0.4) / 2, rel=1e-15)

    @pytest.mark.parametrize("rows", [1, 2, 3, 5])
    def test_micro_batches_do_not_change_the_loss(self, rows: int) -> None:
        model = gpt_neo_tiny()
        whole, split = Landscape.causal_lm(model, TOKENS), Landscape.causal_lm(model, TOKENS, sequences_per_batch=rows)
        assert len(split.batches) == math.ceil(5 / rows)
        assert split.loss(split.initial) == pytest.approx(whole.loss(whole.initial), rel=1e-14)

    def test_the_tied_head_counts_once(self) -> None:
        landscape = Landscape.causal_lm(gpt_neo_tiny(), TOKENS)
        assert landscape.dimension == 822
        assert not any("lm_head" in name for name in landscape.initial)

    def test_the_model_goes_to_evaluation_mode(self) -> None:
        model = gpt_neo_tiny().train()
        Landscape.causal_lm(model, TOKENS)
        assert not model.training

    @pytest.mark.parametrize("sequences", [TOKENS[0], TOKENS[:, :1], TOKENS[:0]])
    def test_errors(self, sequences: Tensor) -> None:
        with pytest.raises(
            RequestError, match=r"^sequences of landscape 'GPTNeoForCausalLM': shape \(.*\) is not \(count ≥ 1, length ≥ 2\)"
        ):
            Landscape.causal_lm(gpt_neo_tiny(), sequences)


class TestHalved:
    def test_tokens_are_cut_until_single_rows_and_the_loss_stays(self) -> None:
        landscape: Landscape | None = Landscape.causal_lm(gpt_neo_tiny(), TOKENS)
        expected = landscape.loss(landscape.initial)
        counts = []
        while landscape is not None:
            counts.append([len(b) for b in landscape.batches])
            assert landscape.loss(landscape.initial) == pytest.approx(expected, rel=1e-14)
            landscape = landscape.halved()
        assert counts == [[5], [2, 3], [1, 1, 1, 2], [1, 1, 1, 1, 1]]

    def test_pairs_are_cut_by_their_number_of_terms(self) -> None:
        x = regression_data()[0][:4]
        y = torch.tensor([0, -100, 1, 1])
        landscape = Landscape.from_module(network(), nn.functional.cross_entropy, [(x, y)])
        halved = landscape.halved()
        assert halved is not None
        assert halved.batch_weights == pytest.approx((1.0, 2.0))
        assert halved.loss(landscape.initial) == pytest.approx(landscape.loss(landscape.initial), rel=1e-14)

    def test_a_half_of_ignored_targets_only_is_dropped(self) -> None:
        x = regression_data()[0][:4]
        landscape = Landscape.from_module(network(), nn.functional.cross_entropy, [(x, torch.tensor([-100, -100, 1, 0]))])
        halved = landscape.halved()
        assert halved is not None
        assert [len(b[0]) for b in halved.batches] == [2]
        assert halved.loss(landscape.initial) == pytest.approx(landscape.loss(landscape.initial), rel=1e-14)

    def test_given_weights_are_shared_out(self) -> None:
        halved = split_regression([4, 7], weights=[1.0, 7.0]).halved()
        assert halved is not None
        assert halved.batch_weights == pytest.approx((0.5, 0.5, 3.0, 4.0))

    def test_what_cannot_be_cut_gives_none(self) -> None:
        assert Landscape.from_function(bowl, 2).halved() is None
        x, y = regression_data()
        nested = Landscape.from_module(network(), lambda p, t: mse(p, t[0]), [(x, [y])])
        assert nested.halved() is None


class TestAtAndTo:
    def test_at_sets_the_reference_point_in_the_landscape_s_order(self) -> None:
        landscape = Landscape.from_function(bowl, 2, blocks={"a": 1, "b": 1})
        point = {"b": torch.tensor([2.0], dtype=F64, requires_grad=True), "a": torch.tensor([1.0], dtype=F64)}
        moved = landscape.at(point)
        assert list(moved.initial) == ["a", "b"]
        assert not moved.initial["b"].requires_grad
        assert moved.loss(moved.initial) == 2.5
        assert landscape.loss(landscape.initial) == pytest.approx(0.5)

    def test_to_the_same_place_is_the_same_object(self) -> None:
        landscape = split_regression([11])
        assert landscape.to() is landscape
        assert landscape.to(device="cpu", dtype=F64) is landscape

    def test_to_float32_moves_parameters_data_and_constants(self) -> None:
        module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
        x, y = regression_data()
        landscape = Landscape.from_module(module, mse, [(x, y)])
        lower = landscape.to(dtype=torch.float32)
        assert lower.dtype == torch.float32
        assert all(t.dtype == torch.float32 for t in lower.batches[0])
        out = lower.loss_function(lower.initial, lower.batches[0])
        assert out.dtype == torch.float32
        # Seven digits, lost only in sums over a few dozen terms.
        assert float(out) == pytest.approx(landscape.loss(landscape.initial), rel=1e-5)
        assert landscape.dtype == F64
        assert landscape.loss_function(landscape.initial, landscape.batches[0]).dtype == F64

    def test_to_leaves_tokens_whole_numbers(self) -> None:
        landscape = Landscape.causal_lm(gpt_neo_tiny(), TOKENS)
        lower = landscape.to(dtype=torch.float32)
        assert lower.batches[0].dtype == torch.int64
        assert lower.loss(lower.initial) == pytest.approx(landscape.loss(landscape.initial), rel=1e-5)
        assert next(landscape.loss_function.model.parameters()).dtype == F64

    def test_to_leaves_other_data_alone(self) -> None:
        x, y = regression_data()
        landscape = Landscape.from_module(network(), lambda p, t: mse(p, t[1]), [(x, ["label", y])])
        moved = landscape.to(dtype=torch.float32).batches[0]
        assert moved[1][0] == "label"
        assert moved[1][1].dtype == torch.float32


class Flickering:
    """A loss that is another number at every call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, theta: Tensor) -> Tensor:
        self.calls += 1
        return bowl(theta) + self.calls


def raising(theta: Tensor) -> Tensor:
    raise KeyError("weight")


def failing(theta: Tensor) -> Tensor:
    assert theta.shape == (7,), "seven"
    return bowl(theta)


class TestCheck:
    where = r"^loss of landscape 'function' at its reference point: "

    def test_returns_the_loss(self) -> None:
        assert Landscape.from_function(bowl, 4).check() == pytest.approx(0.5)

    @pytest.mark.parametrize(
        ("fn", "message"),
        [
            (raising, r"it raised KeyError: 'weight'; mend the function$"),
            (failing, r"it raised AssertionError: seven.*; mend the function$"),
            (lambda t: t @ torch.ones(9, dtype=F64), r"it raised RuntimeError: .*; mend the function$"),
            (lambda t: 1.0, r"it returned float, not a floating-point scalar tensor; return the mean loss$"),
            (lambda t: t, r"it returned a tensor of shape \(3,\) and dtype torch.float64, not a floating-point scalar tensor"),
            (
                lambda t: (t > 0).sum(),
                r"it returned a tensor of shape \(\) and dtype torch.int64, not a floating-point scalar tensor",
            ),
            (lambda t: bowl(t.detach()), r"it does not depend on the parameters through torch operations; do not detach them$"),
            (lambda t: bowl(t) * math.nan, r"nan is not finite; mend the function or the parameters$"),
            (lambda t: bowl(t) * math.inf, r"inf is not finite; mend the function or the parameters$"),
            (lambda t: bowl(t) - 1, r"-0.5 is negative, and the criteria need L ≥ 0; add a constant to it$"),
        ],
    )
    def test_errors(self, fn: Any, message: str) -> None:
        with pytest.raises(LandscapeError, match=self.where + message):
            Landscape.from_function(fn, 3).check()

    def test_a_loss_must_repeat(self) -> None:
        with pytest.raises(
            LandscapeError, match=self.where + r"\d\.5\d* and then \d\.5\d*: it is not deterministic; remove the randomness$"
        ):
            Landscape.from_function(Flickering(), 4).check()

    def test_rounding_below_zero_is_allowed(self) -> None:
        landscape = Landscape.from_function(lambda t: bowl(t) * 0 - 1e-14, 3)
        assert landscape.check() == -1e-14
        # 1,000 ε = 2.2e-13 in float64.
        with pytest.raises(LandscapeError, match=r"-1e-12 is negative"):
            Landscape.from_function(lambda t: bowl(t) * 0 - 1e-12, 3).check()


def test_norms_are_accumulated_in_float64() -> None:
    # In float32 16,777,216 + 1 is 16,777,216.
    t = torch.ones(20_000_000, dtype=torch.float32)
    assert squared_norm(t) == pytest.approx(2e7, rel=1e-12)
    assert norm({"a": torch.tensor([3.0]), "b": torch.tensor([[4.0]])}) == 5.0


def test_a_norm_whose_square_overflows_is_infinite() -> None:
    assert squared_norm(torch.tensor([1e200], dtype=F64)) == math.inf
