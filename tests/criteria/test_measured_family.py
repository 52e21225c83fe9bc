from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from villani_verify.criteria.bounded import BoundedFamily, bounded_family
from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.measured_family import (
    MeasuredFamily,
    bounded_sentence,
    family_as_dict,
    family_witness,
    loss_sentence,
    measure_family,
    worst_parameters,
)
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.engine import engine_for
from villani_verify.landscape import Landscape
from villani_verify.search.families import Family, Ray, Scaling, family_of
from villani_verify.search.scan import log_spaced

RAY = Ray("isotropic", 0, 0)


def bowl(d: int) -> Landscape:
    return Landscape.from_function(lambda t: 0.5 * t.square().sum(), d, weight_decay=0.1, name="bowl")


def product() -> Landscape:
    """L = ½(ab)²: s* at (r, 0) is λ²r²/(r² + 2λ)."""
    return Landscape.from_function(lambda t: 0.5 * t.prod().square(), 2, blocks={"a": 1, "b": 1}, weight_decay=0.1)


def measure(
    landscape: Landscape, family: Family, radii: list[float], *, seed: int = 0, label: str = "x", cost: Cost | None = None
) -> MeasuredFamily:
    return measure_family(
        landscape,
        family,
        radii,
        settings=Settings(seed, engine_for("auto")),
        budget=budget_for("quick", landscape.dimension),
        num_probes=12,
        label=label,
        cost=cost or Cost(),
    )


@pytest.mark.parametrize("d", [3, 100])
def test_a_bowl_is_measured_right_exactly_and_with_probes(d: int) -> None:
    cost = Cost()
    m = measure(bowl(d), RAY, [1.0, 10.0], cost=cost)
    for p, r in zip(m.points, (1.0, 10.0), strict=True):
        assert p.radius == pytest.approx(r)
        assert p.gradient_norm_squared == pytest.approx((1.1 * r) ** 2)
        assert p.laplacian.value == pytest.approx(1.1 * d)
        assert p.critical_temperature == pytest.approx(1.1 * r * r / d)
    assert cost.num_gradients == 2
    assert cost.num_matvecs == (2 * d if d <= 64 else 2 * 12)


def test_another_label_or_seed_draws_fresh_probes() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(80, 80, dtype=torch.float64) / 80
    landscape = Landscape.from_function(lambda t: (t @ matrix).square().sum(), 80)
    measured = [measure(landscape, RAY, [1.0], seed=s, label=x) for s, x in ((0, "x"), (0, "y"), (1, "x"), (0, "x"))]
    samples = [m.points[0].laplacian.samples for m in measured]
    assert len(set(samples)) == 3
    assert samples[3] == samples[0]


@pytest.mark.parametrize("d", [2, 70])
def test_points_from_the_first_that_is_not_finite_are_left_out(d: int) -> None:
    wall = Landscape.from_function(lambda t: torch.where(t.norm() > 5, torch.inf, t.square().sum()), d)
    m = measure(wall, RAY, [1.0, 4.0, 6.0, 7.0])
    assert m.parameters == (1.0, 4.0)
    assert len(m.points) == 2


def test_only_small_landscapes_are_scanned() -> None:
    edges, cost = [1.0, 2.0, 4.0], Cost()
    assert worst_parameters(bowl(70), RAY, edges, budget_for("quick", 70), cost) == [2.0, 4.0]
    assert cost.num_gradients == 0
    found = worst_parameters(bowl(2), RAY, edges, budget_for("quick", 2), cost)
    assert [1 <= found[0] <= 2, 2 <= found[1] <= 4] == [True, True]
    assert cost.num_gradients == 2 * budget_for("quick", 2).scan


def _bounded(m: MeasuredFamily) -> BoundedFamily:
    found = bounded_family(m.points, (), 0.99)
    assert found is not None
    return found


def test_a_family_and_its_witness_are_plain_json() -> None:
    m = measure(product(), Scaling({"a": 1}, ("b",)), log_spaced(1e2, 2e3, 5))
    row = json.loads(json.dumps(family_as_dict(m, (0.1, 1.0), 0.99), allow_nan=False))
    assert [p["radius"] for p in row["points"]] == [p.radius for p in m.points]
    assert [s["temperature"] for s in row["points"][0]["psi"]] == [0.1, 1.0]
    witness = json.loads(json.dumps(family_witness("differential_growth_uniform", m, _bounded(m), 0.99), allow_nan=False))
    assert family_of(witness["family"]) == m.family
    assert witness["parameters"] == list(m.parameters)
    assert witness["bound"] == pytest.approx(0.01, rel=1e-3)
    assert len(witness["claimed"]) == 5


def test_sentences_round_the_bound_up() -> None:
    m = measure(product(), Scaling({"a": 1}, ("b",)), log_spaced(1e2, 2e3, 5))
    bounded = _bounded(m)
    text = bounded_sentence(m, replace(bounded, bound=1.2301e-3))
    assert "is at most 0.00124, so Ψ_s < 0 for every s above that" in text
    assert "radius 70.7 to 1.41e+03" in text  # θ₀ has norm one, shared by a and b
    assert "the upper bound of s* falls" in bounded_sentence(m, replace(bounded, every_temperature=True))
    everywhere = replace(bounded, mechanism="gradient", every_temperature=True, temperature=1.0, bound=2.0)
    assert "so Ψ_s stays bounded for every s > 0 (below 2 at s = 1)" in bounded_sentence(m, everywhere)
    assert "bounded for s = 3" in bounded_sentence(m, replace(everywhere, every_temperature=False, temperature=3.0))


def test_a_gradient_that_vanishes_exactly_can_be_put_into_words() -> None:
    valley = Landscape.from_function(lambda t: 0.5 * t[:1].square().sum(), 2, initial=torch.tensor([0.0, 1.0], dtype=torch.float64))
    m = measure(valley, Ray("flattest", 0, 0, "initial"), log_spaced(1e2, 2e3, 5))
    assert all(p.critical_temperature == 0 for p in m.points)
    assert "is at most 0, so Ψ_s < 0 for every s above that" in bounded_sentence(m, _bounded(m))
    assert math.isfinite(_bounded(m).temperature)


@pytest.mark.parametrize(
    ("losses", "stays"),
    [
        ([0.0, 0.0, 0.0], " L stays at 0:"),
        ([0.6931, 0.6931, 0.6931 + 1.6e-5], " L stays at 0.6931:"),
        ([0.6931, 0.6931 + 1.8e-5, 0.6931], ""),
        ([1000.0, 1000.009, 1000.0], " L stays at 1000:"),
        ([1000.0, 1000.011, 1000.0], ""),
        ([-1000.0, -1000.009, -1000.0], " L stays at -1000:"),
    ],
)
def test_a_loss_stays_where_it_changes_by_a_hundred_thousandth(losses: list[float], stays: str) -> None:
    m = measure(bowl(2), RAY, [1.0, 2.0, 3.0])
    points = tuple(replace(p, loss=loss) for p, loss in zip(m.points, losses, strict=True))
    sentence = loss_sentence(replace(m, points=points))
    assert sentence.startswith(stays)
    assert bool(sentence) == bool(stays)
