from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from villani_verify.criteria.bounded import bounded_family
from villani_verify.criteria.budget import Budget, budget_for
from villani_verify.criteria.measured_family import measure_family
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.criteria.shrinking import Refutation, _as_strong, shrunk, simpler
from villani_verify.curvature.engine import engine_for
from villani_verify.landscape import Landscape
from villani_verify.search.families import Ray, Scaling
from villani_verify.search.scan import log_spaced

SETTINGS = Settings(0, engine_for("auto"))


def product() -> Landscape:
    """L = ½(ab)² with two more tensors that do nothing: at b = 0 and a → ∞, s* → λ²."""
    blocks = {"a": 1, "b": 1, "c": 1, "d": 1}
    return Landscape.from_function(lambda t: 0.5 * (t[0] * t[1]).square(), 4, blocks=blocks, weight_decay=0.1)


def found(landscape: Landscape, family: Scaling | Ray, low: float, high: float) -> Refutation:
    budget = budget_for("quick", landscape.dimension)
    m = measure_family(
        landscape, family, log_spaced(low, high, 6), settings=SETTINGS, budget=budget, num_probes=8, label="found", cost=Cost()
    )
    bounded = bounded_family(m.points, (), 0.99)
    assert bounded is not None
    return m, bounded


def quick() -> Budget:
    return budget_for("quick", 4)


def test_what_does_not_matter_is_left_out_and_the_radii_are_round() -> None:
    subject = product()
    result = shrunk(subject, found(subject, Scaling({"a": 2, "c": 1}, ("b", "d")), 30.7, 110.3), quick(), SETTINGS, "x", Cost())
    assert result is not None
    family = result[0].family
    assert family == Scaling({"a": 1}, ("b",))
    assert len(result[0].parameters) >= 4
    assert all(float(f"{r:.0e}") == r for r in result[0].parameters)
    assert result[0].points[-1].radius >= 10 * result[0].points[0].radius
    assert result[1].bound == pytest.approx(0.01, rel=0.1)


def test_a_weaker_counterexample_does_not_replace_a_stronger_one() -> None:
    # With b off s* → λ²; with b as it is, ‖∇F‖² ~ r⁴/4 is against ΔF ~ r².
    subject = product()
    result = shrunk(subject, found(subject, Scaling({"a": 1}, ("b",)), 100.0, 2000.0), quick(), SETTINGS, "x", Cost())
    assert result is not None
    assert result[0].family == Scaling({"a": 1}, ("b",))


def test_one_that_refutes_at_fewer_temperatures_does_not_replace_it() -> None:
    # L = ½(ab)² + ½κ a² sin²(πc). With b and c off s* → λ²/(1 + κπ²) = 0.0067 as a → ∞; with c = ½, where the sine is flat,
    # s* → (λ + κ)²/(1 − κπ²) = 0.044: it refutes too, but spares what lies between.
    kappa = 0.05
    subject = Landscape.from_function(
        lambda t: 0.5 * (t[0] * t[1]).square() + 0.5 * kappa * (t[0] * (torch.pi * t[2]).sin()).square(), 3,
        blocks={"a": 1, "b": 1, "c": 1}, initial=torch.tensor([1.0, 1.0, 0.5], dtype=torch.float64), weight_decay=0.1,
    )  # fmt: skip
    _, weaker = found(subject, Scaling({"a": 1}, ("b",)), 100.0, 2000.0)
    assert weaker.bound == pytest.approx((0.1 + kappa) ** 2 / (1 - kappa * torch.pi**2), rel=0.1)
    result = shrunk(subject, found(subject, Scaling({"a": 1}, ("b", "c")), 100.0, 2000.0), quick(), SETTINGS, "x", Cost())
    assert result is not None
    assert result[0].family == Scaling({"a": 1}, ("b", "c"))


def test_only_what_spares_no_more_temperatures_is_as_strong() -> None:
    _, bounded = found(product(), Scaling({"a": 1}, ("b",)), 100.0, 2000.0)
    falling = replace(bounded, every_temperature=True)
    assert _as_strong(falling, falling)
    assert _as_strong(falling, bounded)
    assert not _as_strong(bounded, falling)
    assert not _as_strong(replace(bounded, mechanism="gradient"), bounded)
    assert _as_strong(replace(bounded, bound=3 * bounded.bound), bounded)
    assert not _as_strong(replace(bounded, bound=5 * bounded.bound), bounded)


def test_no_trials_and_no_scalings_give_nothing() -> None:
    subject = product()
    refutation = found(subject, Scaling({"a": 1}, ("b",)), 100.0, 2000.0)
    assert shrunk(subject, refutation, replace(quick(), shrinking_trials=0), SETTINGS, "x", Cost()) is None
    flat = Landscape.from_function(lambda t: 0.5 * t[:1].square().sum(), 2, initial=torch.tensor([0.0, 1.0], dtype=torch.float64))
    ray = found(flat, Ray("flattest", 0, 0, "initial"), 100.0, 2000.0)
    assert shrunk(flat, ray, quick(), SETTINGS, "x", Cost()) is None


def test_every_simpler_family_has_one_thing_less() -> None:
    family = Scaling({"a": 2, "b": -2, "c": 1}, ("d",), settled=5)
    listed = list(simpler(family))
    assert Scaling({"b": -2, "c": 1}, ("d",), 5) in listed
    assert Scaling({"a": 2, "b": -2, "c": 1}, (), 5) in listed
    assert Scaling({"a": 1, "b": -1, "c": 1}, ("d",), 5) in listed
    assert Scaling({"a": 1, "b": -2, "c": 1}, ("d",), 5) in listed
    assert all(max(f.exponents.values()) > 0 for f in listed)
    assert list(simpler(Scaling({"a": 1}))) == []
