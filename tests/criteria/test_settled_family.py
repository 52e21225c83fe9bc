from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from villani_verify.criteria import refutation
from villani_verify.criteria.bounded import BoundedFamily, bounded_family
from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.differential_growth_uniform import differential_growth_uniform
from villani_verify.criteria.measured_family import MeasuredFamily
from villani_verify.criteria.result import Cost, Status
from villani_verify.criteria.settings import Settings
from villani_verify.criteria.settled_family import settled_family
from villani_verify.curvature.engine import engine_for
from villani_verify.estimation.growth import GrowthFit
from villani_verify.landscape import Landscape
from villani_verify.replaying import replay
from villani_verify.search.families import Scaling

SETTINGS = Settings(0, engine_for("auto"))


def two_labels() -> Landscape:
    """Two logits ±(u + abc)/2, each label once: at b = 0 and u ≠ 0 the gradient grows like ΔF's root, at u = 0 it vanishes."""

    def loss(t: torch.Tensor) -> torch.Tensor:
        logit = t[0] + t[1] * t[2] * t[3]
        return 0.5 * (torch.nn.functional.softplus(logit) + torch.nn.functional.softplus(-logit))

    start = torch.tensor([0.4, 0.6, 0.5, 0.7], dtype=torch.float64)
    return Landscape.from_function(loss, 4, blocks={"u": 1, "a": 1, "b": 1, "c": 1}, initial=start, weight_decay=0.1)


def some(zeroed: str, *, every_temperature: bool = False) -> tuple[MeasuredFamily, BoundedFamily]:
    bounded = BoundedFamily("temperature", 1.0, every_temperature, 0.5, GrowthFit.__new__(GrowthFit))
    return MeasuredFamily(Scaling({"a": 1}, (zeroed,)), (), (), 0, 0), bounded


def test_from_a_stationary_point_s_falls() -> None:
    subject, budget = two_labels(), replace(budget_for("standard", 4), settling_steps=100)
    found = settled_family(subject, [some("b")], budget, SETTINGS, "x", Cost())
    assert found is not None
    m, bounded = found
    assert m.family == Scaling({"a": 1, "c": 1}, ("b",), settled=100)
    assert bounded.every_temperature
    # ΔF ~ (ac)²/4 ~ r⁴ and ‖∇F‖² = λ²r²(a² + c²).
    assert bounded.fit.exponent == pytest.approx(-2, abs=0.1)


def test_nothing_is_tried_where_the_budget_or_the_need_is_absent() -> None:
    subject = two_labels()
    assert settled_family(subject, [some("b")], budget_for("quick", 4), SETTINGS, "x", Cost()) is None
    standard = budget_for("standard", 4)
    assert settled_family(subject, [some("b", every_temperature=True)], standard, SETTINGS, "x", Cost()) is None
    assert settled_family(subject, [], standard, SETTINGS, "x", Cost()) is None


def test_a_bounded_s_that_does_not_fall_is_no_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_falling(*given: Any) -> BoundedFamily | None:
        found = bounded_family(*given)
        return None if found is None else replace(found, every_temperature=False)

    monkeypatch.setattr(refutation, "bounded_family", not_falling)
    budget = replace(budget_for("standard", 4), settling_steps=100)
    assert settled_family(two_labels(), [some("b")], budget, SETTINGS, "x", Cost()) is None


def test_what_feeds_only_the_switched_off_tensor_may_be_nothing() -> None:
    one = Landscape.from_function(lambda t: t.square().sum(), 2, blocks={"a": 1, "b": 1}, weight_decay=0.1)
    assert settled_family(one, [some("b")], budget_for("standard", 2), SETTINGS, "x", Cost()) is None


def test_the_witness_descends_again_when_it_is_replayed() -> None:
    subject = two_labels()
    # Draws alone would find b = 0 at a point where u is not zero: they are made few, and what remains is settled.
    budget = replace(budget_for("standard", 4), settling_steps=100, family_draws=40, family_symmetries=4)
    result = differential_growth_uniform(subject, budget, SETTINGS)
    assert result.status == Status.REFUTED
    assert result.witness is not None
    assert result.witness["every_temperature"]
    assert "at this rate Ψ_s ends up negative for every s > 0" in result.summary
    assert replay(result.witness, subject).reproduced
