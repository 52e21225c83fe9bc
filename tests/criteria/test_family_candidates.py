from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from villani_verify.criteria.budget import Budget, budget_for
from villani_verify.criteria.family_candidates import Candidate, gradient_growth, ranked_candidates
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.engine_interface import Engine
from villani_verify.landscape import Landscape
from villani_verify.search.families import Scaling

DECAY = 0.01


def test_gradients_that_grow_have_positive_exponents() -> None:
    landscape = Landscape.from_function(lambda t: (1 + t.prod()).square(), 2, blocks={"a": 1, "b": 1})
    ones = landscape.at({n: torch.ones_like(t) for n, t in landscape.initial.items()})
    found = gradient_growth(ones, candidate(Scaling({"b": 1}, ("a",)), high=10.5), Cost())
    # At a = 0, b = r the gradient is (2r, 0).
    assert found == pytest.approx(2.0)


def candidate(family: Scaling, high: float = 100.0) -> Candidate:
    return Candidate(family, 1.0, high, 0.0, 1.0, 0.0)


# With a = 0: ΔL = ‖b‖². Repeated modules are told by the numbers in their names. Nothing depends on "h.1.idle".
ALONE = Scaling({"b": 1}, ("a",))
IN_A_BLOCK = Scaling({"h.0.b": 1}, ("h.0.a",))
FURTHER = Scaling({"h.1.b": 2}, ("h.1.a",))
IDLE = Scaling({"h.1.idle": 1}, ("h.1.a",))


def branches() -> Landscape:
    """L = ½(a·b)² for a pair by itself and in each of two modules, with so many parameters that Laplacians are estimated.

    Scaling b at a = 0, s* → λ_b²; it is least for the pair by itself.
    """
    blocks = {"a": 20, "b": 20, "h.0.a": 20, "h.0.b": 20, "h.1.a": 20, "h.1.b": 20, "h.1.idle": 20}

    def loss(t: torch.Tensor) -> torch.Tensor:
        a, b, c, d, e, f, _ = t.split(20)
        return 0.5 * ((a @ b).square() + (c @ d).square() + (e @ f).square())

    return Landscape.from_function(
        loss, 140, blocks=blocks, weight_decay={"b": DECAY / 10, "*": DECAY}, initial=torch.ones(140, dtype=torch.float64) / 10
    )


def plan(**changes: int) -> Budget:
    return replace(budget_for("quick", 140), family_shortlist=8, family_candidates=4, screening_probes=32, **changes)


def rank(candidates: list[Candidate], budget: Budget, engine: Engine) -> list[Scaling]:
    cost = Cost()
    ranked = ranked_candidates(branches(), candidates, budget, Settings(0, engine, ()), "test", cost)
    return [c.family for c in ranked]  # type: ignore[misc]


def test_clear_curvature_comes_first_and_that_of_the_decay_last() -> None:
    drawn = [candidate(f) for f in (IDLE, ALONE, IN_A_BLOCK, FURTHER)]
    # Clear are all but IDLE, whose curvature of F is surely positive, but hardly more than the decay's.
    ranked = rank(drawn, plan(), engine_for("auto"))
    assert ranked[2:] == [ALONE, IDLE]
    assert IN_A_BLOCK in ranked[:2]
    assert FURTHER in ranked[:2]


def test_what_noise_hides_is_ordered_by_its_distance_from_zero(noisy) -> None:
    """The noise is 32^-½ of itself after 32 probes: ΔL is some 2e3 for ALONE and 2e7 for FURTHER, against 7e7."""
    assert rank([candidate(f) for f in (IDLE, ALONE, FURTHER)], plan(), noisy(4e8)) == [FURTHER, ALONE, IDLE]


def test_only_the_shortlist_is_measured_and_only_what_can_be_used_is_kept() -> None:
    drawn = [candidate(f) for f in (IDLE, IDLE, ALONE, FURTHER, IN_A_BLOCK)]
    budget = replace(plan(), family_shortlist=4, family_candidates=1, family_reserves=1)
    cost = Cost()
    ranked = ranked_candidates(branches(), drawn, budget, Settings(0, engine_for("auto"), ()), "test", cost)
    assert [c.family for c in ranked] == [FURTHER, ALONE]
    assert cost.num_matvecs == 4 * 32


def test_without_probes_the_order_stays() -> None:
    drawn = [candidate(f) for f in (IDLE, ALONE, FURTHER)]
    assert rank(drawn, replace(plan(), screening_probes=0), engine_for("auto")) == [IDLE, ALONE, FURTHER]


def test_without_a_shortlist_the_growth_of_the_critical_temperature_decides() -> None:
    drawn = [candidate(f) for f in (IDLE, ALONE)]
    assert rank(drawn, replace(plan(), family_shortlist=0), engine_for("auto")) == [ALONE, IDLE]
