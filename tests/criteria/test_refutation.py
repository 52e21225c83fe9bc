from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from villani_verify.criteria.bounded import BoundedFamily, bounded_family
from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.measured_family import MeasuredFamily, measure_family, worst_parameters
from villani_verify.criteria.refutation import persists, refutation
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.engine import engine_for
from villani_verify.landscape import Landscape
from villani_verify.landscapes.zoo import zoo_entry
from villani_verify.search.families import Family, Ray, Scaling
from villani_verify.search.scan import log_spaced

RAY = Ray("isotropic", 0, 0)
SETTINGS = Settings(0, engine_for("auto"))


def product() -> Landscape:
    """L = ½(ab)²: s* at (r, 0) is λ²r²/(r² + 2λ)."""
    return Landscape.from_function(lambda t: 0.5 * t.prod().square(), 2, blocks={"a": 1, "b": 1}, weight_decay=0.1)


def measure(landscape: Landscape, family: Family, radii: list[float]) -> MeasuredFamily:
    budget = budget_for("quick", landscape.dimension)
    return measure_family(landscape, family, radii, settings=SETTINGS, budget=budget, num_probes=12, label="x", cost=Cost())


def _bounded(m: MeasuredFamily) -> BoundedFamily:
    found = bounded_family(m.points, (), 0.99)
    assert found is not None
    return found


def test_a_bounded_family_is_returned_with_its_reason() -> None:
    cost, family = Cost(), Scaling({"a": 1}, ("b",))
    found = refutation(product(), family, log_spaced(1e2, 2e3, 5), budget_for("quick", 2), SETTINGS, "x", cost)
    assert found is not None
    m, bounded = found
    assert (m.family, m.num_probes) == (family, budget_for("quick", 2).family_probes)
    assert bounded == bounded_family(m.points, (), 0.99)
    assert bounded.bound == pytest.approx(0.01, rel=1e-3)
    assert cost.num_gradients == 5


def test_a_growing_family_and_one_above_the_temperatures_are_none() -> None:
    bowl = Landscape.from_function(lambda t: 0.5 * t.square().sum(), 2, weight_decay=0.1)
    budget = budget_for("quick", 2)
    assert refutation(bowl, RAY, log_spaced(1e2, 2e3, 5), budget, SETTINGS, "x", Cost()) is None
    cold = replace(SETTINGS, temperatures=(0.001,))
    assert refutation(product(), Scaling({"a": 1}, ("b",)), log_spaced(1e2, 2e3, 5), budget, cold, "x", Cost()) is None


def test_what_stays_bounded_persists() -> None:
    m = measure(product(), Scaling({"a": 1}, ("b",)), log_spaced(1e2, 2e3, 5))
    assert persists(product(), m, _bounded(m), budget_for("quick", 2), Cost())


def test_what_stays_bounded_on_rarer_and_narrower_intervals_persists() -> None:
    # The scan far out stops at a level of its own, 10⁷ times too high here.
    narrow = zoo_entry("narrowing-wells").make()
    budget, cost = budget_for("quick", 1), Cost()
    parameters = worst_parameters(narrow, RAY, log_spaced(3e2, 1e4, 8), budget, cost)
    m = measure(narrow, RAY, parameters)
    bounded = _bounded(m)
    assert bounded.mechanism == "temperature"
    assert persists(narrow, m, bounded, budget, cost)


def test_a_large_constant_that_is_outgrown_later_does_not_persist() -> None:
    # F' = 1 + 1e-8 x² looks constant up to 1e4 and grows a thousandfold by 1e6: three to four decades further out.
    slow = Landscape.from_function(lambda t: (torch.sqrt(1 + t * t) + 1e-8 * t.abs().pow(3) / 3).sum(), 1)
    m = measure(slow, RAY, log_spaced(10.0, 200.0, 5))
    bounded = _bounded(m)
    assert bounded.mechanism == "gradient"
    assert not persists(slow, m, bounded, budget_for("quick", 1), Cost())
    # Where points are dear it is not asked.
    assert persists(slow, m, bounded, replace(budget_for("quick", 1), scan=1), Cost())


def test_growth_hidden_by_a_stiff_direction_does_not_persist() -> None:
    # ‖∇F‖² = 10¹² x² + y² with x fixed looks constant up to y = 10⁴. Beyond 2·10⁷ s* is above a thousand times the bound, and
    # what lies further in, where it is lower, must not count for it.
    stiff = Landscape.from_function(lambda t: 0.5e6 * t[0].square() + 0.5 * t[1].square(), 2)
    along_y = next(r for i in range(50) if (r := Ray("sparse", 0, i, "initial")).direction(stiff)["theta"][1].abs() == 1)
    m = measure(stiff, along_y, log_spaced(1e3, 1e4, 5))
    bounded = _bounded(m)
    assert bounded.mechanism == "temperature"
    assert not persists(stiff, m, bounded, budget_for("quick", 2), Cost())


def test_every_point_further_out_must_stay_below_the_bound() -> None:
    # At (x, 0) s* is about (λ + 6c x⁴)²: 0.02 where the search further out begins, and 900 where its last bin does.
    turning = Landscape.from_function(
        lambda t: 0.5 * t.prod().square() + 1.35e-27 * t[0].pow(6), 2, blocks={"a": 1, "b": 1}, weight_decay=0.1
    )
    family = Scaling({"a": 1}, ("b",))
    m = measure(turning, family, log_spaced(1e2, 2e3, 5))
    bounded = _bounded(m)
    assert bounded.mechanism == "temperature"
    first, last = (p.critical_temperature for p in measure(turning, family, [2e6, 1.1e7]).points)
    assert first < 1e3 * bounded.bound < last
    assert not persists(turning, m, bounded, budget_for("quick", 2), Cost())


def test_looking_further_out_does_not_lead_back_inward() -> None:
    # ½ Σ h θ²: along the first axis, where h = λ, from a point with a large gradient elsewhere: s* is constant up to r ~ 10⁵ and
    # grows like r² from there. Downhill from a far point is inward, to where it looked constant.
    subject = zoo_entry("ill-conditioned-bowl").make()
    for seed in range(20):
        ray = Ray("sparse", seed, 0, "initial")
        if float(ray.direction(subject)["theta"][0]) == 1.0:
            break
    m = measure(subject, ray, log_spaced(3e2, 6e3, 6))
    bounded = bounded_family(m.points, (), 0.99)
    assert bounded is not None
    assert not persists(subject, m, bounded, budget_for("quick", subject.dimension), Cost())
