from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from villani_verify.calibration import verifications
from villani_verify.calibration.verifications import HEAVY, false_refutations, is_true, plan, power, verify_one
from villani_verify.landscapes.zoo import CRITERION_NAMES, ZOO, zoo_entry
from villani_verify.verification import verify

TRUE = [e for e in ZOO.values() if is_true(e)]
CONTROLS = [e for e in ZOO.values() if not is_true(e)]


def line(landscape: str, seed: int = 0, **statuses: str) -> dict[str, Any]:
    expected = zoo_entry(landscape).expected
    rows = {n: {"status": statuses.get(n, expected[n]), "expected": expected[n]} for n in CRITERION_NAMES}
    return {"landscape": landscape, "seed": seed, "rows": rows}


def test_the_zoo_has_true_landscapes_and_a_control_for_every_criterion() -> None:
    assert len(TRUE) >= 5
    assert set(HEAVY) <= {e.name for e in CONTROLS}
    for name in CRITERION_NAMES:
        assert any(e.expected[name] == "refuted" for e in CONTROLS), name


@pytest.mark.parametrize("count", [0, 1, 7, 25])
def test_the_plan_has_as_many_as_asked_for_and_spreads_them_evenly(count: int) -> None:
    pairs = list(plan([*TRUE, *CONTROLS], verifications=count, control_seeds=3, first_seed=100))
    assert len({(e.name, s) for e, s in pairs}) == len(pairs)
    counts = Counter(e.name for e, _ in pairs)
    of_true = [counts[e.name] for e in TRUE]
    assert sum(of_true) == count
    assert max(of_true) - min(of_true) <= 1
    assert all(counts[e.name] == 3 for e in CONTROLS)
    assert [s for _, s in pairs] == sorted(s for _, s in pairs)
    assert min(s for _, s in pairs) == 100


def test_more_verifications_only_add_to_the_plan() -> None:
    fewer, more = ({(e.name, s) for e, s in plan(TRUE, verifications=n, control_seeds=0, first_seed=0)} for n in (12, 40))
    assert fewer < more


def test_no_true_landscape_asked_for() -> None:
    assert list(plan([], verifications=5, control_seeds=5, first_seed=0)) == []
    assert {e.name for e, _ in plan(CONTROLS[:1], verifications=5, control_seeds=2, first_seed=0)} == {CONTROLS[0].name}


def test_false_refutations_are_counted_by_verification_and_by_row() -> None:
    lines = [
        line("isotropic-bowl", 0),
        line("isotropic-bowl", 1, smoothness="refuted", quadratic_growth="refuted"),
        line("double-well", 0, smoothness="inconclusive"),
        line("relu-kink", 0),  # its refutation is right
        line("relu-kink", 1, quadratic_growth="refuted"),
    ]
    found = false_refutations(lines)
    assert found is not None
    assert (found["verifications"], found["landscapes"], found["with_false_refutation"]) == (3, 2, 1)
    assert (found["rows"], found["rows_refuted"], found["rows_undecided"]) == (15 + 8, 3, 1)
    assert found["upper_bound"] == pytest.approx(0.8647, abs=1e-3)  # P(at most 1 of 3) = 5 %
    assert {(a["landscape"], a["seed"], a["criterion"]) for a in found["found"]} == {
        ("isotropic-bowl", 1, "smoothness"), ("isotropic-bowl", 1, "quadratic_growth"), ("relu-kink", 1, "quadratic_growth")
    }  # fmt: skip


def test_none_at_all_has_the_bound_of_three() -> None:
    found = false_refutations([line("isotropic-bowl", seed) for seed in range(2000)])
    assert found is not None
    assert found["found"] == []
    assert found["upper_bound"] == pytest.approx(3 / 2000, rel=5e-3)


def test_power_is_the_fraction_of_false_claims_refuted() -> None:
    lines = [
        line("relu-kink", 0),
        line("relu-kink", 1, smoothness="inconclusive"),
        line("subquadratic", 0),
        line("isotropic-bowl", 0),
    ]
    found = power(lines)
    assert found is not None
    assert (found["claims"], found["verifications"], found["refuted"]) == (3, 4, 3)
    assert [(r["landscape"], r["criterion"], r["verifications"], r["refuted"]) for r in found["rows"]] == [
        ("relu-kink", "smoothness", 2, 1), ("subquadratic", "gaussian_tails", 1, 1), ("subquadratic", "quadratic_growth", 1, 1)
    ]  # fmt: skip


def test_nothing_verified_says_nothing() -> None:
    assert false_refutations([]) is None
    assert power([]) is None
    only_controls = false_refutations([line("relu-kink")])
    assert only_controls is not None
    assert only_controls["upper_bound"] is None


def test_a_verification_gives_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two criteria take a tenth of the time that all of them take.
    two = ("quadratic_growth", "gaussian_tails")
    monkeypatch.setattr(verifications, "verify", partial(verify, criteria=two))
    found = verify_one(zoo_entry("subquadratic"), 1234)
    assert (found["landscape"], found["seed"], found["budget"]) == ("subquadratic", 1234, "quick")
    assert found["rows"] == {n: {"status": "refuted", "expected": "refuted"} for n in two}
    assert found["seconds"] > 0
