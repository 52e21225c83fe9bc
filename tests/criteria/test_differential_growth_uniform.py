from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from villani_verify.criteria import differential_growth_uniform as uniform
from villani_verify.criteria import family_candidates
from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.differential_growth_uniform import (
    _judge,
    _undecidable,
    _undetermined,
    _worst,
    claim,
    differential_growth_uniform,
)
from villani_verify.criteria.measured_family import MeasuredFamily
from villani_verify.criteria.result import Cost, CriterionResult, Status
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.engine import engine_for
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.psi import PointMeasurement
from villani_verify.landscape import Landscape
from villani_verify.landscapes.zoo import zoo_entry
from villani_verify.search.families import Scaling, family_of

DECAY = 0.1


def judge(
    landscape: Landscape, *, seed: int = 0, temperatures: tuple[float, ...] = (), candidates: int | None = None
) -> CriterionResult:
    budget = budget_for("quick", landscape.dimension)
    if candidates is not None:
        budget = replace(budget, family_candidates=candidates)
    return differential_growth_uniform(landscape, budget, Settings(seed, engine_for("auto"), temperatures))


def function(fn: Callable[[Tensor], Tensor], d: int, **options: object) -> Landscape:
    return Landscape.from_function(fn, d, **options)  # type: ignore[arg-type]


def two_layers() -> Landscape:
    """L = ½(ab)²: at (r, 0) ‖∇F‖² = λ²r² and ΔF = r² + 2λ, so s* = λ²r²/(r² + 2λ) → λ² from below."""
    return function(lambda t: 0.5 * t.prod().square(), 2, blocks={"a": 1, "b": 1}, weight_decay=DECAY)


@pytest.fixture(scope="module")
def refutation() -> CriterionResult:
    return judge(two_layers())


def test_a_switched_off_layer_refutes_it_with_the_closed_form(refutation: CriterionResult) -> None:
    assert refutation.status == Status.REFUTED
    witness = refutation.witness
    assert witness is not None
    assert witness["bound"] == pytest.approx(DECAY**2, rel=1e-3)
    family = family_of(witness["family"])
    assert isinstance(family, Scaling)
    assert len(family.zeroed) == 1
    assert refutation.statistic == pytest.approx(0, abs=1e-3)
    for point in witness["claimed"]:
        square = point["radius"] ** 2
        assert point["critical_temperature"]["value"] == pytest.approx(DECAY**2 * square / (square + 2 * DECAY), rel=1e-9)
        assert point["loss"] == 0
        assert point["psi"][0]["value"] < 0


def test_the_family_that_refutes_is_marked_in_the_evidence(refutation: CriterionResult) -> None:
    families = refutation.evidence["families"]
    marked = [f for f in families if f["witness"]]
    assert refutation.witness is not None
    assert [f["family"] for f in marked] == [refutation.witness["family"]]
    assert all(f["refutes"] for f in marked)
    assert refutation.evidence["screened"] <= refutation.evidence["drawn"]
    assert refutation.summary.startswith(marked[0]["sentence"])


@pytest.mark.parametrize(("temperature", "refuted"), [(DECAY**2 / 4, False), (4 * DECAY**2, True)])
def test_only_temperatures_above_the_bound_refute(temperature: float, refuted: bool) -> None:
    # With b ≠ 0 both the gradient and s* are larger, so inf Ψ_s → ∞ exactly for s < λ².
    result = judge(two_layers(), temperatures=(temperature,))
    assert (result.status == Status.REFUTED) == refuted
    assert result.claim == claim((temperature,))


def wide_layers() -> Landscape:
    """L = ½(a·b)² with so many parameters that Laplacians are estimated."""
    return function(lambda t: 0.5 * (t[:40] @ t[40:]).square(), 80, blocks={"a": 40, "b": 40}, weight_decay=DECAY)


def with_reserves(engine, reserves: int = 2) -> CriterionResult:
    landscape = wide_layers()
    budget = replace(budget_for("quick", landscape.dimension), family_candidates=3, family_reserves=reserves, screening_probes=0)
    return differential_growth_uniform(landscape, budget, Settings(0, engine, ()))


def test_reserves_do_not_change_what_can_be_decided() -> None:
    result = with_reserves(engine_for("auto"))
    assert result.status == Status.REFUTED
    assert all(len(f["points"]) > 1 for f in result.evidence["families"])


def test_reserves_stand_in_for_families_whose_laplacian_drowns_in_noise(noisy) -> None:
    result = with_reserves(noisy(1e15))
    assert result.status == Status.INCONCLUSIVE
    # Three candidates and as many reserves as there are, each at its outer end alone.
    assert [len(f["points"]) for f in result.evidence["families"]] == [1] * 5
    assert result.summary.startswith("At the outer end of 5 of 5 families (")
    outer = [f["points"][0]["laplacian"] for f in result.evidence["families"]]
    assert all(row["interval"][0] <= 0 for row in outer)
    # Four times as many probes would not tell the sign of an estimate this near zero, and are not spent.
    probes = budget_for("quick", 80).family_probes
    assert all(abs(row["value"]) < row["standard_error"] for row in outer)
    assert all(row["num_matvecs"] == probes for row in outer)


def test_noise_that_four_times_the_probes_overcome(noisy) -> None:
    """At b = 0 the Laplacian is ‖a‖² + 80 λ, 9e6 to 9e10 here, so noise of a like size is decided by one of the two attempts."""
    assert with_reserves(noisy(1e3)).status == Status.REFUTED


@pytest.mark.parametrize(("errors", "undecided", "spent"), [(1.0, True, 24), (2.0, False, 24 + 96), (3.0, False, 24)])
def test_more_probes_are_spent_where_they_may_tell_the_sign(errors: float, undecided: bool, spent: int) -> None:
    """Samples are 1 ± √23/errors in turn, so that the mean of 24 is this many of its standard errors above zero."""
    spread = 23**0.5 / errors

    def samples(landscape: Landscape, point: object, *, seed: int, indices: range) -> list[float]:
        return [1 + (-1) ** k * spread for k in indices]

    landscape = wide_layers().with_decay(0.0)
    engine: Any = SimpleNamespace(name="alternating", laplacian_samples=samples)
    budget, cost = replace(budget_for("quick", 80), family_probes=24), Cost()
    found = _undecidable(landscape, Scaling({"a": 1}, ("b",)), 10.0, budget, Settings(0, engine, ()), 0, cost)
    assert (found is not None) == undecided
    assert cost.num_matvecs == spent


@pytest.mark.parametrize(("spread", "expected"), [(0.1, False), (10.0, True)])
def test_a_sign_that_is_not_known(spread: float, expected: bool) -> None:
    estimate = Estimate.mean_of([1 + spread, 1 - spread] * 8, num_matvecs=16, method="", dtype="", device="")
    points = tuple(PointMeasurement(r, 0.0, 0.0, 1.0, 1.0, estimate, estimate) for r in (1.0, 3.0, 10.0))
    assert _undetermined(MeasuredFamily(Scaling({"b": 1}, ("a",)), (1.0, 3.0, 10.0), points, 0, 16)) == expected


def test_a_refutation_is_measured_again_with_probes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    labels: list[str] = []
    measure = uniform.measure_family

    def noted(*arguments: Any, label: str, **options: Any) -> MeasuredFamily:
        labels.append(label)
        return measure(*arguments, label=label, **options)

    monkeypatch.setattr(uniform, "measure_family", noted)
    monkeypatch.setattr(family_candidates, "measure_family", noted)
    assert judge(two_layers(), candidates=4).status == Status.REFUTED
    assert any("confirm" in label for label in labels)
    assert len(set(labels)) == len(labels)


def growing(exponent: float) -> MeasuredFamily:
    """s* = r^exponent with ‖∇F‖² = r², over a decade."""
    points = []
    for r in (10.0, 30.0, 110.0):
        exact = Estimate.exact(r ** (2 - exponent), num_matvecs=1, method="exact", dtype="float64", device="cpu")
        points.append(PointMeasurement(r, 1.0, 1.0, r**2, r**2, exact, exact))
    return MeasuredFamily(Scaling({"a": 1}, ("b",)), (10.0, 30.0, 110.0), tuple(points), 0, 16)


@pytest.mark.parametrize(("exponents", "status"), [((2, 1, 3), Status.SUPPORTED), ((2, 0, 3), Status.INCONCLUSIVE)])
def test_without_a_refutation_the_slowest_growth_decides(exponents: tuple[int, ...], status: Status) -> None:
    measured = [growing(a) for a in exponents]
    result = _judge(measured, [], None, [], 3, budget_for("quick", 2), Settings(0, engine_for("auto")), Cost())
    assert result.status == status
    assert result.statistic == pytest.approx(min(exponents), abs=1e-9)
    expected = "the slowest growth of s* was r^1.00" if status == Status.SUPPORTED else "s* seems not to grow along 1 of 3 families"
    assert expected in result.summary


@pytest.mark.parametrize("d", [4, 80])
def test_a_bowl_is_supported(d: int) -> None:
    half = d // 2
    result = judge(function(lambda t: 0.5 * t.square().sum(), d, blocks={"a": half, "b": half}, weight_decay=DECAY), candidates=8)
    assert result.status == Status.SUPPORTED
    assert result.statistic == pytest.approx(2, abs=0.05)
    assert result.witness is None
    assert result.interval is not None


def test_a_flat_valley_is_refuted_though_its_gradient_vanishes_exactly() -> None:
    # θ₂ is free and θ₁ = 0 at the reference point: ∇F = 0 and ΔF = 1 all along the valley, so s* = 0.
    start = torch.tensor([0.0, 1.0], dtype=torch.float64)
    result = judge(function(lambda t: 0.5 * t[:1].square().sum(), 2, initial=start))
    assert result.status == Status.REFUTED
    assert "is at most 0, so Ψ_s < 0 for every s above that" in result.summary


def test_without_a_finite_loss_further_out_it_is_inconclusive() -> None:
    result = judge(function(lambda t: torch.where(t.norm() > 3, torch.inf, t.square().sum()), 2))
    assert result.status == Status.INCONCLUSIVE
    assert "No drawn family could be measured" in result.summary
    assert result.statistic is None


@pytest.mark.parametrize("name", ["gpt-neo-tiny", "gpt2-tiny", "llama-tiny"])
def test_a_dead_branch_is_found_by_drawing(name: str) -> None:
    result = judge(zoo_entry(name).make())
    assert result.status == Status.REFUTED
    witness = result.witness
    assert witness is not None
    family = family_of(witness["family"])
    assert isinstance(family, Scaling)
    assert family.zeroed
    # The function does not change while the parameters grow tenfold.
    losses = [p["loss"] for p in witness["claimed"]]
    assert losses == pytest.approx([losses[0]] * len(losses), rel=1e-6)  # up to the eps of an RMSNorm
    radii = [p["radius"] for p in witness["claimed"]]
    assert radii[-1] > 9.99 * radii[0]
    assert all(p["critical_temperature"]["interval"][1] < witness["temperature"] for p in witness["claimed"])


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, again, other = (judge(two_layers(), seed=s, candidates=4) for s in (0, 0, 1))
    assert (first.statistic, first.interval, first.evidence, first.witness) == (
        again.statistic, again.interval, again.evidence, again.witness
    )  # fmt: skip
    assert first.evidence != other.evidence


def test_what_no_drawn_family_shows_is_looked_for_in_shells() -> None:
    # ½(ab)² turned by 0.3 radians: no scaling, and no ray that is drawn, lies in its valleys.
    def loss(t: Tensor) -> Tensor:
        a, b = math.cos(0.3) * t[0] - math.sin(0.3) * t[1], math.sin(0.3) * t[0] + math.cos(0.3) * t[1]
        return 0.5 * (a * b).square()

    found = judge(function(loss, 2, weight_decay=DECAY))
    assert found.status == Status.REFUTED
    assert found.witness is not None
    assert found.witness["family"]["type"] == "listed"


def test_the_counterexample_to_show() -> None:
    inside, outside = Scaling({"h.0.a": 1}, ("h.0.b",)), Scaling({"a": 1}, ("b",))

    def refuting(family: Scaling, loss: float, bound: float, *, every: bool = False) -> Any:
        measured = SimpleNamespace(family=family, points=[SimpleNamespace(loss=9.0), SimpleNamespace(loss=loss)])
        return measured, SimpleNamespace(every_temperature=every, bound=bound)

    # Every temperature counts most, then one block that is switched off, then a loss that is lower by a hundredth, then the bound.
    order = [
        refuting(outside, 5.0, 3.0, every=True),
        refuting(inside, 0.312, 0.2),
        refuting(inside, 0.308, 0.3),
        refuting(inside, 0.33, 0.1),
        refuting(outside, 0.1, 0.01),
    ]
    for i, best in enumerate(order):
        for rest in (order[i:], order[i:][::-1]):
            assert _worst(rest) is best
    assert _worst([]) is None
