from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.replaying import replay
from villani_verify.verification import verify

Witness = dict[str, Any]


def two_layers() -> Landscape:
    """L = ½(ab)², whose s* at (r, 0) tends to λ² = 0.01."""
    return Landscape.from_function(lambda t: 0.5 * t.prod().square(), 2, blocks={"a": 1, "b": 1}, weight_decay=0.1)


def linear() -> Landscape:
    return Landscape.from_function(lambda t: torch.sqrt(1 + t.square().sum()), 2)


def kink() -> Landscape:
    return Landscape.from_function(lambda t: torch.relu(t - 0.3).sum(), 1, weight_decay=0.1)


def witness_of(landscape: Landscape, criterion: str, **options: Any) -> Witness:
    found = verify(landscape, criteria=[criterion], **options).as_dict()["criteria"][criterion]
    assert found["status"] == "refuted"
    witness: Witness = json.loads(json.dumps(found["witness"], allow_nan=False))
    return witness


@pytest.fixture(scope="module")
def bounded() -> Witness:
    return witness_of(two_layers(), "differential_growth_uniform")


@pytest.fixture(scope="module")
def slow() -> Witness:
    return witness_of(linear(), "quadratic_growth")


@pytest.mark.parametrize("seed", [1, 2, 99])
def test_a_bounded_family_is_seen_again(bounded: Witness, seed: int) -> None:
    again = replay(bounded, two_layers(), seed=seed)
    assert again.reproduced
    assert again.criterion == "differential_growth_uniform"
    assert again.sentence == bounded["sentence"]
    assert len(again.rows) == len(bounded["claimed"])
    for row in again.rows:
        assert len(row) == len(again.columns)
        radius, loss, claimed, now, low, high, psi = row
        assert loss == 0
        assert claimed == now == low == high
        assert now == pytest.approx(0.01 * radius**2 / (radius**2 + 0.2), rel=1e-9)
        assert psi < 0


def test_a_bounded_family_is_seen_again_with_fresh_probes() -> None:
    # 80 parameters are measured with ±1 probes, and the mixing matrix gives them noise: L = ½ Σ (Ma)ᵢ²(Mb)ᵢ².
    mixing = torch.randn(40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 40**0.5

    def loss(t: torch.Tensor) -> torch.Tensor:
        return 0.5 * ((mixing @ t[:40]) * (mixing @ t[40:])).square().sum()

    landscape = Landscape.from_function(loss, 80, blocks={"a": 40, "b": 40}, weight_decay=0.1)
    witness = witness_of(landscape, "differential_growth_uniform")
    first, second = (replay(witness, landscape, seed=s) for s in (5, 6))
    assert first.reproduced
    assert second.reproduced
    claimed, now, other = (r[0][i] for r, i in ((first.rows, 2), (first.rows, 3), (second.rows, 3)))
    assert len({claimed, now, other}) == 3
    assert replay(witness, landscape, seed=5) == first
    # Three probes have an interval without an upper end; four times as many do not.
    assert replay(witness | {"num_probes": 3}, landscape, seed=5).reproduced


def test_slow_growth_is_seen_again(slow: Witness) -> None:
    again = replay(slow, linear())
    assert again.reproduced
    assert again.criterion == "quadratic_growth"
    assert all(claimed == now for _, claimed, now, _ in again.rows)
    assert again.rows[-1][3] < 1e-3


def test_a_tube_is_seen_again_and_needs_all_its_rays() -> None:
    witness = witness_of(linear(), "gaussian_tails")
    assert "tube_seed" in witness
    assert replay(witness, linear()).reproduced
    # Along one ray this loss is the same up to a constant; beside it, it grows quadratically.
    point = Landscape.from_function(lambda t: t.square().sum(), 2)
    assert not replay(witness, point).reproduced


def test_a_kink_is_seen_again() -> None:
    witness = witness_of(kink(), "smoothness")
    again = replay(witness, kink())
    assert again.reproduced
    assert again.criterion == "smoothness"
    assert again.rows
    smooth = Landscape.from_function(lambda t: torch.nn.functional.softplus(t - 0.3).sum(), 1, weight_decay=0.1)
    assert not replay(witness, smooth).reproduced


def test_a_witness_with_another_family_is_not_reproduced(bounded: Witness) -> None:
    ray = {"type": "ray", "kind": "sign", "seed": 0, "index": 0, "base": "origin", "tensor": None}
    again = replay({**bounded, "family": ray}, two_layers())
    assert not again.reproduced
    assert again.rows


def test_a_witness_with_a_temperature_below_the_bound_is_not_reproduced(bounded: Witness) -> None:
    assert not replay({**bounded, "temperature": 1e-3}, two_layers()).reproduced


def test_a_witness_over_less_than_a_decade_is_not_reproduced(bounded: Witness) -> None:
    parameters = bounded["parameters"][:2]
    assert not replay({**bounded, "parameters": parameters}, two_layers()).reproduced


def test_a_slow_witness_on_a_bowl_is_not_reproduced(slow: Witness) -> None:
    bowl = Landscape.from_function(lambda t: t.square().sum(), 2)
    assert not replay(slow, bowl).reproduced


def test_a_loss_that_is_not_finite_reproduces_nothing(slow: Witness) -> None:
    wall = Landscape.from_function(lambda t: torch.where(t.norm() > 0, torch.inf, t.sum()), 2)
    again = replay(slow, wall)
    assert not again.reproduced
    assert again.rows == ()


def test_infinities_are_read_back(bounded: Witness) -> None:
    claimed = [{**p, "critical_temperature": {"value": "Infinity", "interval": ["Infinity"] * 2}} for p in bounded["claimed"]]
    assert all(math.isinf(row[2]) for row in replay({**bounded, "claimed": claimed}, two_layers()).rows)


def test_a_replay_is_plain_values(bounded: Witness) -> None:
    found = replay(bounded, two_layers()).as_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found) == {"criterion", "reproduced", "sentence", "columns", "rows"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "miracle"}, r"witness of kind 'miracle': unknown; it is bounded-family, slow-growth or ray-kink"),
        ({"family": {"type": "spiral"}}, r"family of type 'spiral'"),
        ({"family": {"type": "scaling", "exponents": {"x": 1}, "zeroed": []}}, r"scaling of tensor 'x'"),
        ({"family": None}, r"TypeError"),
        ({"temperature": "warm"}, r"ValueError could not convert string to float: 'warm'; give criteria\[NAME\].witness"),
        ({"temperature": 0.0}, r"ZeroDivisionError"),
        ({"level": 2}, r"ValueError"),
        ({"parameters": None}, r"TypeError"),
        ({"parameters": ["a"]}, r"ValueError"),
        ({"num_probes": "Infinity"}, r"ValueError"),
        ({"claimed": [{}]}, r"KeyError 'critical_temperature'"),
    ],
)
def test_what_is_no_witness_is_refused_in_one_line(bounded: Witness, change: Witness, message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        replay({**bounded, **change}, two_layers())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["bounded-family", "slow-growth", "ray-kink"])
def test_an_empty_witness_of_each_kind_is_refused(kind: str) -> None:
    with pytest.raises(RequestError, match=r"witness: KeyError .*; give criteria\[NAME\].witness of a results file"):
        replay({"kind": kind}, two_layers())


@pytest.mark.parametrize("nothing", [{}, [], None, "witness"])
def test_what_is_no_mapping_is_refused(nothing: Any) -> None:
    with pytest.raises(RequestError, match="give criteria"):
        replay(nothing, two_layers())


def test_an_unknown_engine_is_refused(bounded: Witness) -> None:
    with pytest.raises(RequestError, match="engine 'x': unknown"):
        replay(bounded, two_layers(), engine="x")
