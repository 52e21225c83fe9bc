from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.descended_family import descended_family
from villani_verify.criteria.measured_family import family_witness
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.engine import engine_for
from villani_verify.landscape import Landscape
from villani_verify.landscapes.zoo import ZOO
from villani_verify.replaying import replay
from villani_verify.search.listed import Listed

SETTINGS = Settings(0, engine_for("auto"))
HOLDS = [n for n, e in ZOO.items() if e.kind == "analytic" and e.expected["differential_growth_uniform"] == "supported"]


def rotated() -> Landscape:
    """½(ab)² in coordinates turned by 0.3 radians: its valleys lie on no coordinate, and no scaling meets them."""
    c, s = math.cos(0.3), math.sin(0.3)

    def loss(t: Tensor) -> Tensor:
        return 0.5 * ((c * t[0] - s * t[1]) * (s * t[0] + c * t[1])).square()

    return Landscape.from_function(loss, 2, weight_decay=0.1)


def test_a_valley_that_no_coordinate_shows_is_found_and_replayed() -> None:
    subject = rotated()
    found = descended_family(subject, budget_for("quick", 2), SETTINGS, "x", Cost())
    assert found is not None
    m, bounded = found
    assert isinstance(m.family, Listed)
    assert 0.0099 <= bounded.bound <= 0.05  # s* → λ² = 0.01 on the valley floors
    witness = family_witness("differential_growth_uniform", m, bounded, 0.99)
    assert replay(witness, subject).reproduced


@pytest.mark.parametrize("name", HOLDS)
def test_no_family_is_found_where_the_criterion_holds(name: str) -> None:
    subject = ZOO[name].make()
    # The false alarms of whole verifications are counted by the calibration, over many seeds.
    budget = replace(budget_for("quick", subject.dimension), descent_starts=64)
    assert descended_family(subject, budget, SETTINGS, "x", Cost()) is None


def test_temperatures_below_the_bound_are_not_refuted() -> None:
    budget = budget_for("quick", 2)
    cold, hot = (descended_family(rotated(), budget, Settings(0, engine_for("auto"), (s,)), "x", Cost()) for s in (0.001, 1.0))
    assert cold is None
    assert hot is not None


def test_a_loss_that_cannot_be_vectorised_gives_none() -> None:
    one = Landscape.from_function(lambda t: t.square().sum() if bool(t[0] > 0) else 2 * t.square().sum(), 2)
    assert descended_family(one, budget_for("quick", 2), SETTINGS, "x", Cost()) is None


def test_flat_at_infinity_is_not_its_business() -> None:
    flat = Landscape.from_function(lambda t: torch.exp(-t.square().sum()), 2)
    found = descended_family(flat, budget_for("quick", 2), SETTINGS, "x", Cost())
    assert found is None or found[1].mechanism == "gradient"


@pytest.mark.parametrize(("name", "bound"), [("trench-on-a-parabola", 1e-3), ("trench-on-a-logarithm", 0.5)])
def test_curved_valleys_that_narrow_are_followed_outward(name: str, bound: float) -> None:
    subject = ZOO[name].make()
    found = descended_family(subject, budget_for("quick", 2), SETTINGS, "x", Cost())
    assert found is not None
    m, bounded = found
    # What is shown is a bound within reach of every shell, up to the growth that counts as none.
    assert bounded.bound <= 100 * bound
    assert m.points[-1].radius >= 10 * m.points[0].radius
