from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from villani_verify.criteria import smoothness as smoothness_module
from villani_verify.criteria.budget import Budget
from villani_verify.criteria.result import CriterionResult, Status
from villani_verify.criteria.settings import Settings
from villani_verify.criteria.smooth_line import line
from villani_verify.criteria.smooth_witness import KinkReplay, nearest_dtype
from villani_verify.criteria.smoothness import replay_kink, smoothness
from villani_verify.landscape import Landscape
from villani_verify.landscapes.zoo import ZOO
from villani_verify.points import norm
from villani_verify.verification import verify

QUICK = Budget("quick", smooth_rays=2)


def _settings(seed: int, progress: Callable[[str, int, int], None] = lambda *_: None) -> Settings:
    return Settings(seed, engine=None, progress=progress)  # type: ignore[arg-type]  # no Hessian is needed here


def _judge(landscape: Landscape, seed: int = 0, budget: Budget = QUICK) -> CriterionResult:
    return smoothness(landscape, budget, _settings(seed))


def _function(fn: Callable[[Tensor], Tensor], d: int = 1, **options: Any) -> Landscape:
    return Landscape.from_function(fn, d, **options)


def _network(activation: nn.Module, dtype: torch.dtype = torch.float64) -> Landscape:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), activation, nn.LayerNorm(8), nn.Linear(8, 4)).to(dtype)
    x, y = torch.randn(12, 3, dtype=dtype), torch.randint(0, 4, (12,))
    return Landscape.from_module(net, F.cross_entropy, [(x, y)])


def _gpt_neo(**options: Any) -> Landscape:
    transformers = pytest.importorskip("transformers")
    from villani_verify.landscapes.gpt_neo_float64 import keep_float64

    torch.manual_seed(0)
    config = transformers.GPTNeoConfig(
        vocab_size=12, hidden_size=8, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]], window_size=3,
        max_position_embeddings=16, bos_token_id=1, eos_token_id=1, attn_implementation="eager",
    )  # fmt: skip
    model = transformers.GPTNeoForCausalLM(config).double()
    if options.get("keep", True):
        keep_float64(model)
    return Landscape.causal_lm(model, torch.randint(0, 12, (2, 8)))


HARD_BUT_SMOOTH: dict[str, Callable[[Tensor], Tensor]] = {
    "quadratic": lambda x: (x * x).sum(),
    "constant": lambda x: 0 * x.sum() + 1,
    "linear": lambda x: x.sum() + 10,
    "cos 50x": lambda x: 1 + torch.cos(50 * x).mean(),
    "tanh 200x": lambda x: 1 + torch.tanh(200 * x).mean(),
    "exp": lambda x: torch.exp(3 * x).sum(),
    "logsumexp": lambda x: torch.logsumexp(100 * x, 0) + 300,
    "narrow Gaussian": lambda x: torch.exp(-(40 * x).square().sum()),
    "Runge": lambda x: 1 / (1e-3 + x.square().sum()),
    "quartic": lambda x: (x.square().sum() - 1).square(),
    "softplus": lambda x: F.softplus(30 * x).sum(),
    "offset": lambda x: 1e6 + torch.sin(x).sum(),
}


@pytest.mark.parametrize("name", HARD_BUT_SMOOTH)
@pytest.mark.parametrize("dimension", [1, 4])
def test_smooth_functions_are_supported(name: str, dimension: int) -> None:
    """With the three seeds, 72 pairs; nothing here is random but the lines, so one alarm is a defect."""
    landscape = _function(HARD_BUT_SMOOTH[name], dimension)
    for seed in range(3):
        result = _judge(landscape, seed)
        assert result.status is Status.SUPPORTED, (seed, result.summary)
        assert result.witness is None


def test_tanh_network_is_supported() -> None:
    landscape = _network(nn.Tanh())
    for seed in range(3):
        result = _judge(landscape, seed)
        assert result.status is Status.SUPPORTED, result.summary
    assert result.evidence["method"] == "taylor"
    assert result.evidence["orders_checked"] == 4


def test_gpt_neo_is_supported() -> None:
    landscape = _gpt_neo()
    for seed in range(2):
        result = _judge(landscape, seed)
        assert result.status is Status.SUPPORTED, result.summary


KINKS: list[tuple[str, Callable[[Tensor], Tensor], int, float]] = [
    # name, function, broken derivative, coordinate of the kink
    ("abs", lambda x: x.abs().sum(), 1, 0.0),
    ("abs elsewhere", lambda x: (x - 0.3).abs().sum(), 1, 0.3),
    ("x|x|", lambda x: 9 + (x * x.abs()).sum(), 2, 0.0),
    ("squared hinge", lambda x: torch.relu(x - 0.5).square().sum(), 2, 0.5),
    ("cube", lambda x: x.abs().pow(3).sum(), 3, 0.0),
    ("small cube on a wave", lambda x: 2 + torch.sin(x).sum() + 1e-2 * (x - 0.5).abs().pow(3).sum(), 3, 0.5),
    ("hard clip", lambda x: x.clamp(max=0.5).sum() + 9, 1, 0.5),
    ("step", lambda x: (x > 0.25).double().sum() + x.square().sum(), 0, 0.25),
    ("power 2.5", lambda x: x.abs().pow(2.5).sum(), 3, 0.0),
    ("power 1.5", lambda x: x.square().pow(0.75).sum(), 2, 0.0),
    ("square root", lambda x: x.abs().sqrt().sum(), 1, 0.0),
]


@pytest.mark.parametrize(("name", "fn", "order", "place"), KINKS, ids=[k[0] for k in KINKS])
@pytest.mark.parametrize("dimension", [1, 3])
def test_kinks_are_refuted_with_order_and_place(
    name: str, fn: Callable[[Tensor], Tensor], order: int, place: float, dimension: int
) -> None:
    landscape = _function(fn, dimension)
    for seed in range(3):
        result = _judge(landscape, seed)
        assert result.status is Status.REFUTED, (seed, result.summary)
        witness = json.loads(json.dumps(result.witness))
        assert witness["order"] == order, result.summary
        where = line(landscape, landscape.dtype, seed=witness["seed"], index=witness["index"], base=witness["base"])
        t = 0.5 * (witness["a"] + witness["b"])
        x = where.point["theta"] + t * where.direction["theta"]
        # One coordinate of the point lies on the kink, to the length of the last interval.
        assert (x - place).abs().min() < 1e-8
        assert replay_kink(landscape, witness).reproduced


def test_radial_kink_is_found_from_the_origin() -> None:
    result = _judge(_function(lambda x: x.norm() ** 3, 5))
    assert result.status is Status.REFUTED
    assert result.witness is not None
    assert (result.witness["base"], result.witness["order"]) == ("origin", 3)
    assert abs(result.witness["a"]) < 1e-9


def test_relu_network_is_refuted() -> None:
    landscape = _network(nn.ReLU())
    for seed in range(3):
        result = _judge(landscape, seed)
        assert result.status is Status.REFUTED
        assert result.witness is not None
        assert result.witness["order"] == 1
        assert "first derivative of L jumps by" in result.summary


def test_jump_has_its_size() -> None:
    """|3 x| along v: the slope jumps by 6 |v|, and |v| = 1."""
    result = _judge(_function(lambda x: (3 * x).abs().sum()))
    assert result.witness is not None
    assert result.witness["size"] == pytest.approx(6.0, rel=1e-6)


def test_a_flaw_that_is_not_seen_again_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoothness_module, "replay_kink", lambda *_: KinkReplay(False, "", (), ()))
    result = _judge(_function(lambda x: x.abs().sum()))
    assert result.status is Status.INCONCLUSIVE
    assert "It was not seen again at fresh points" in result.summary
    assert result.witness is None


def test_floor_is_refuted() -> None:
    result = _judge(_function(lambda x: torch.floor(3 * x).sum() + 20))
    assert result.status is Status.REFUTED
    assert result.witness is not None
    assert (result.witness["flaw"], result.witness["order"]) == ("jump", 0)
    assert result.summary.startswith("The value of L jumps by 1 ")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_lower_precision_inside_is_refuted(dtype: torch.dtype) -> None:
    landscape = _function(lambda x: 1 + x.to(dtype).double().square().mean(), 50)
    for seed in range(3):
        result = _judge(landscape, seed)
        assert result.status is Status.REFUTED
        assert result.witness is not None
        assert result.witness["flaw"] == "rounding"
        assert "The values of L behave like " in result.summary
        assert "declared float64" in result.summary
        assert replay_kink(landscape, json.loads(json.dumps(result.witness))).reproduced


def test_steps_longer_than_the_probing_ones_are_jumps() -> None:
    result = _judge(_function(lambda x: 1 + x.to(torch.bfloat16).double().square().mean(), 4))
    assert result.status is Status.REFUTED
    assert result.witness is not None
    assert result.witness["order"] == 0


def test_stock_gpt_neo_in_float64_is_refuted() -> None:
    """The library casts query and key to float32."""
    result = _judge(_gpt_neo(keep=False))
    assert result.status is Status.REFUTED
    assert "behave like float32" in result.summary


def test_float32_landscape_is_judged_in_exact_arithmetic() -> None:
    result = _judge(_network(nn.Tanh(), torch.float32))
    assert result.status is Status.SUPPORTED
    assert "Judged in float64, as the function that the float32 landscape computes in exact arithmetic." in result.summary


def test_casts_to_the_declared_dtype_are_not_held_against_it() -> None:
    class Casting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.linspace(-1, 1, 20))

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh((x * self.weight).float()).sum().to(x.dtype)

    def of(dtype: torch.dtype) -> Landscape:
        batch = (torch.ones(20, dtype=dtype), torch.zeros((), dtype=dtype))
        return Landscape.from_module(Casting().to(dtype), lambda out, y: (out - 3 - y) ** 2, [batch], weights=[1.0])

    assert _judge(of(torch.float32)).status is Status.SUPPORTED
    assert _judge(of(torch.float64)).status is Status.REFUTED


def test_without_a_rule_nested_reverse_is_used_and_noted() -> None:
    landscape = _function(lambda x: torch.linalg.det(torch.eye(2, dtype=x.dtype) + torch.outer(x, x)), 2)
    result = _judge(landscape, budget=Budget("quick", smooth_rays=1, smooth_intervals=4))
    assert result.status is Status.SUPPORTED
    assert result.evidence["method"] == "nested reverse"
    assert "has no Taylor rule" in result.evidence["notes"][0]


def test_derivative_that_is_not_the_values_is_inconclusive() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.square()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g

    # `item` keeps it from being exported, so the wrong backward pass is what is seen.
    landscape = _function(lambda x: Wrong.apply(x).sum() + 0 * x.sum().abs().item() + (1 if x.sum() < 1e9 else 0))  # type: ignore[no-untyped-call]
    result = _judge(landscape, budget=Budget("quick", smooth_rays=1, smooth_intervals=4))
    assert result.status is not Status.SUPPORTED
    assert result.evidence["method"] == "nested reverse"


def test_not_finite_is_inconclusive() -> None:
    result = _judge(_function(lambda x: x.sum() * torch.inf))
    assert result.status is Status.INCONCLUSIVE
    assert "not finite on a drawn line" in result.summary
    json.dumps(result.evidence, allow_nan=False)


def test_where_the_loss_overflows_the_rest_is_judged() -> None:
    result = _judge(_function(lambda x: torch.exp(500 * x).sum()))
    assert result.status is Status.SUPPORTED


def test_evidence_is_json_and_shows_the_slopes() -> None:
    result = _judge(_function(lambda x: torch.exp(x).sum(), 3))
    evidence = json.loads(json.dumps(result.evidence, allow_nan=False))
    assert [r["order"] for r in evidence["remainder"]] == list(range(7))
    for row in evidence["remainder"]:
        assert len(row["step"]) == len(row["remainder"])
        if row["slope"] is not None:
            assert row["slope"] == pytest.approx(row["order"] + 1, abs=0.5)
            assert row["interval"][0] < row["slope"] < row["interval"][1]
    assert [m["order"] for m in evidence["mismatch"]] == list(range(7))
    assert result.statistic is not None
    assert math.isfinite(result.statistic)
    assert result.cost.num_jets > 0
    assert result.cost.num_losses > 0
    assert result.cost.seconds > 0


def test_remainder_across_a_kink_has_its_slope() -> None:
    result = _judge(_function(lambda x: x.abs().pow(3).sum()))
    assert result.statistic == pytest.approx(3.0, abs=0.1)


def test_same_seed_same_result() -> None:
    landscape = _network(nn.Tanh())
    first, second = (_judge(landscape, 3) for _ in range(2))
    assert first.evidence == second.evidence
    assert first.statistic == second.statistic


def test_progress_is_told() -> None:
    steps = []
    smoothness(_function(lambda x: x.square().sum()), QUICK, _settings(0, lambda *step: steps.append(step)))
    assert steps == [("smoothness: lines", 0, 2), ("smoothness: lines", 1, 2)]


def test_lines() -> None:
    landscape = _function(lambda x: x.square().sum(), 4, blocks={"a": 1, "b": 3}, initial=2 * torch.ones(4, dtype=torch.float64))
    lines = [line(landscape, torch.float64, seed=5, index=i) for i in range(6)]
    assert [found.base for found in lines] == ["initial", "origin"] * 3
    assert all(norm(found.direction) == pytest.approx(1.0) for found in lines)
    assert all(found.half_length == pytest.approx(8.0) for found in lines)
    assert torch.cat(list(lines[2].direction.values())).tolist() == [1, 0, 0, 0]
    assert torch.cat(list(lines[5].direction.values())).tolist() == [0, 1, 0, 0]
    # Of the drawn ones no two are parallel.
    drawn = [torch.cat(list(lines[i].direction.values())) for i in (0, 1, 3, 4)]
    assert all(abs(float(a @ b)) < 0.999 for i, a in enumerate(drawn) for b in drawn[:i])
    assert norm(lines[1].point) == 0
    flat = _function(lambda x: x.square().sum(), 2, initial=torch.zeros(2, dtype=torch.float64))
    assert line(flat, torch.float64, seed=5, index=0).half_length == 2.0


def test_a_witness_of_another_landscape_is_not_reproduced() -> None:
    kinked = _judge(_function(lambda x: x.abs().sum()))
    assert kinked.witness is not None
    replay = replay_kink(_function(lambda x: x.square().sum()), kinked.witness)
    assert not replay.reproduced
    assert replay.sentence == kinked.witness["sentence"]
    assert all(len(row) == len(replay.columns) for row in replay.rows)
    for flaw in ("blow-up", "rounding"):
        altered = dict(kinked.witness) | {"flaw": flaw, "places": [0.1]}
        assert not replay_kink(_function(lambda x: x.square().sum()), altered).reproduced


@pytest.mark.parametrize(("level", "name"), [(1e-8, "float32"), (3e-4, "float16"), (4e-3, "bfloat16")])
def test_nearest_dtype(level: float, name: str) -> None:
    assert nearest_dtype(level) == name


def test_one_rounding_of_a_saturated_sigmoid_is_no_kink() -> None:
    """A line of this seed crosses the place where a softmax rounds to 1: all derivatives jump, by roundings of that."""
    found = verify(ZOO["sharp-log-cosh"].make(), seed=1050, criteria=["smoothness"]).results[0]
    assert found.status is Status.SUPPORTED, found.summary
