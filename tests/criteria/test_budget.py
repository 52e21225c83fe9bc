from __future__ import annotations

from dataclasses import fields, replace

import pytest

from villani_verify.criteria.budget import budget_for
from villani_verify.errors import RequestError

DIMENSIONS = (1, 64, 65, 20_000, 20_001, 5_000_000, 5_000_001, 125_198_592)
COUNTS = ("num_probes", "rays", "growth_rays", "tail_samples", "family_draws", "family_candidates", "smooth_rays", "descent_steps")


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("name", ["quick", "standard", "thorough"])
def test_every_plan_can_be_carried_out(name: str, dimension: int) -> None:
    plan = budget_for(name, dimension)
    assert plan.name == name
    assert plan.num_probes >= 10  # Student-t intervals are poor below
    assert plan.derivative_order >= 4
    assert plan.family_radii >= 3  # a growth exponent with an interval needs three points
    assert plan.decades >= 1
    assert plan.family_candidates <= plan.family_draws
    assert plan.level == 0.99
    optional = (
        "screening_probes", "family_reserves", "family_shortlist", "family_symmetries", "settled_families", "shrinking_trials"
    )  # fmt: skip
    assert all(getattr(plan, f.name) > 0 for f in fields(plan) if f.name not in ("name", *optional))
    assert all(getattr(plan, field) >= 0 for field in optional)
    # A shortlist is for choosing candidates and their reserves from, with probes.
    if plan.family_shortlist:
        assert plan.family_candidates + plan.family_reserves <= plan.family_shortlist <= plan.family_draws
        assert plan.screening_probes > 1


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_larger_budgets_spend_more(dimension: int) -> None:
    quick, standard, thorough = (budget_for(name, dimension) for name in ("quick", "standard", "thorough"))
    for count in COUNTS:
        assert getattr(quick, count) < getattr(standard, count) <= getattr(thorough, count)


def test_dearer_landscapes_get_fewer_rays_and_probes() -> None:
    plans = [budget_for("quick", d) for d in (822, 232_064, 125_198_592)]
    for count in ("rays", "growth_rays", "tail_samples", "family_draws", "family_rays", "num_probes"):
        assert [getattr(p, count) for p in plans] == sorted((getattr(p, count) for p in plans), reverse=True)


def test_only_small_dimensions_are_scanned_and_exact() -> None:
    assert budget_for("quick", 64).scan > 1
    asked = {(1, 2): True, (64, 2): True, (64, 1): False, (65, 2): False}
    assert {(d, scan): replace(budget_for("quick", d), scan=scan).scans(d) for d, scan in asked} == asked
    assert budget_for("thorough", 65).scan == 1
    assert budget_for("thorough", 65).exact_dimension == 64


def test_descents_are_for_larger_budgets_and_affordable_gradients() -> None:
    assert budget_for("quick", 822).settled_families == 0
    assert budget_for("standard", 5_000_000).settled_families > 0
    assert budget_for("thorough", 5_000_001).settled_families == 0


@pytest.mark.parametrize(("name", "guess"), [("standart", "standard"), ("Quick", "quick"), ("xyz", "quick")])
def test_unknown_budgets_are_refused(name: str, guess: str) -> None:
    with pytest.raises(RequestError, match=rf"budget '{name}': unknown; choose one of quick, standard, thorough .*'{guess}'"):
        budget_for(name, 10)
