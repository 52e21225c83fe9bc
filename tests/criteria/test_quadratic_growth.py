from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.profiles import grows_slowly, profile
from villani_verify.criteria.quadratic_growth import _descend, quadratic_growth
from villani_verify.criteria.result import Cost, CriterionResult, Status
from villani_verify.criteria.settings import Settings
from villani_verify.landscape import Landscape
from villani_verify.search.families import Ray, family_of


def judge(landscape: Landscape, seed: int = 0) -> CriterionResult:
    settings = Settings(seed, engine=None)  # type: ignore[arg-type]  # no Hessian is needed here
    return quadratic_growth(landscape, budget_for("quick", landscape.dimension), settings)


def function(fn: Callable[[Tensor], Tensor], d: int = 4, **options: object) -> Landscape:
    return Landscape.from_function(fn, d, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("decay", [1e-3, 0.1, 10.0])
def test_a_bounded_loss_leaves_half_the_decay(decay: float) -> None:
    result = judge(function(lambda t: 1 - torch.cos(t).mean(), weight_decay=decay))
    assert result.status == Status.SUPPORTED
    assert result.statistic == pytest.approx(decay / 2, rel=1e-6)
    assert result.interval is not None
    assert result.interval[0] <= decay / 2 <= result.interval[1] * (1 + 1e-12)
    assert result.witness is None
    assert "the smallest weight decay give a ≥" in result.summary


def test_the_descent_finds_the_weakest_decay() -> None:
    # Isotropic rays in d = 50 see the mean decay; the infimum is 0.05 in one tensor of two coordinates.
    blocks = {"weak": 2, "strong": 48}
    landscape = function(lambda t: 1 - torch.cos(t).mean(), 50, blocks=blocks, weight_decay={"weak": 0.1, "strong": 5.0})
    result = judge(landscape)
    assert result.statistic == pytest.approx(0.05, rel=0.05)
    assert result.statistic >= 0.05 * (1 - 1e-9)


@pytest.mark.parametrize("index", range(4))
def test_the_descent_ends_at_the_softest_direction(index: int) -> None:
    # F/r² is ½ Σ (h_i + λ) v_i², at least (1 + 0.2)/2; the rays begin between 3 and 7.
    h = torch.tensor([1.0, 4, 9, 16], dtype=torch.float64)
    landscape = function(lambda t: 0.5 * (h * t.square()).sum(), weight_decay=0.2)
    drawn = profile(landscape, Ray("isotropic", 0, index), [1.0, 10.0, 100.0], Cost())
    assert drawn is not None
    assert drawn.coefficient > 3
    cost = Cost()
    assert 0.6 * (1 - 1e-12) <= _descend(landscape, drawn, 20, cost) <= 0.6 * (1 + 1e-3)
    assert (cost.num_losses, cost.num_gradients) == (21, 20)


def test_a_quartic_without_decay_is_supported() -> None:
    result = judge(function(lambda t: 0.25 * t.pow(4).sum(), 3))
    assert result.status == Status.SUPPORTED
    assert "no ray grew slower than quadratically" in result.summary


@pytest.mark.parametrize("seed", range(3))
def test_linear_growth_is_refuted(seed: int) -> None:
    result = judge(function(lambda t: torch.sqrt(1 + t.square().sum())), seed)
    assert result.status == Status.REFUTED
    # Minus the gradient leads through the minimum, so that the fit there is of |r − 1|; elsewhere it is 1.00.
    assert any(f"‖θ‖^{p}" in result.summary for p in ("0.99", "1.00"))
    assert result.witness is not None
    assert result.statistic < 1e-3


@pytest.mark.parametrize("exponent", [1.5, 1.9])
def test_growth_just_below_quadratic_is_refuted(exponent: float) -> None:
    result = judge(function(lambda t: (1 + t.square().sum()).pow(exponent / 2)))
    assert result.status == Status.REFUTED
    assert f"‖θ‖^{exponent:.2f}" in result.summary


def test_a_ray_through_the_origin_does_not_spoil_the_exponent() -> None:
    # At its first point the ray along −∇F is at the origin up to rounding, where F = 10: on a logarithmic scale an outlier
    # at ‖θ‖ ~ 1e-17.
    result = judge(function(lambda t: 10 + t.square().sum()))
    assert result.status == Status.SUPPORTED


def test_an_undecayed_tensor_is_named() -> None:
    landscape = function(
        lambda t: (1 - torch.cos(t)).sum(), 5, blocks={"w": 3, "norm.bias": 2}, weight_decay=0.1, no_decay=["norm.bias"]
    )
    result = judge(landscape)
    assert result.status == Status.REFUTED
    assert "parameter norm.bias, weight decay 0" in result.summary
    assert result.evidence["undecayed"] == ["norm.bias"]


def test_an_undecayed_tensor_with_a_loss_that_confines_it_is_fine() -> None:
    landscape = function(lambda t: t.square().sum(), 5, blocks={"w": 3, "bias": 2}, weight_decay=0.1, no_decay=["bias"])
    assert judge(landscape).status == Status.SUPPORTED


def test_a_flat_direction_that_is_no_tensor_is_found() -> None:
    result = judge(function(lambda t: 0.5 * (t[0] + t[1] - 1).square() + t[2:].square().sum()))
    assert result.status == Status.REFUTED
    assert "flattest ray" in result.summary


def test_a_loss_that_is_finite_nowhere_far_out_is_inconclusive() -> None:
    result = judge(function(lambda t: torch.where(t.norm() > 1.5, torch.inf, t.square().sum())))
    assert result.status == Status.INCONCLUSIVE
    assert result.statistic is None
    assert "not finite" in result.summary


def test_the_witness_is_a_family_that_grows_slowly_again() -> None:
    landscape = function(lambda t: torch.sqrt(1 + t.square().sum()))
    witness = judge(landscape).witness
    assert witness is not None
    assert witness["kind"] == "slow-growth"
    again = profile(landscape, family_of(witness["family"]), witness["parameters"], Cost())
    assert again is not None
    assert list(again.values) == [c["value"] for c in witness["claimed"]]
    assert grows_slowly(landscape, again, witness["level"])
    bowl = function(lambda t: t.square().sum())
    confined = profile(bowl, family_of(witness["family"]), witness["parameters"], Cost())
    assert confined is not None
    assert not grows_slowly(bowl, confined, witness["level"])


def test_the_same_seed_gives_the_same_numbers() -> None:
    landscape = function(lambda t: (1 - torch.cos(t)).sum(), weight_decay=0.1)
    first, again, other = (judge(landscape, s) for s in (4, 4, 5))
    assert (first.statistic, first.evidence) == (again.statistic, again.evidence)
    assert first.evidence != other.evidence
    assert first.cost.num_losses == again.cost.num_losses
