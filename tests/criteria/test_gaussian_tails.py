from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.gaussian_tails import gaussian_tails, log_ratio, tube
from villani_verify.criteria.profiles import POINTS_PER_DECADE, grows_slowly
from villani_verify.criteria.result import Cost, CriterionResult, Status
from villani_verify.criteria.settings import Settings
from villani_verify.errors import LandscapeError
from villani_verify.landscape import Landscape
from villani_verify.points import norm
from villani_verify.search.families import Ray, family_of


def judge(landscape: Landscape, seed: int = 0, temperatures: tuple[float, ...] = ()) -> CriterionResult:
    settings = Settings(seed, engine=None, temperatures=temperatures)  # type: ignore[arg-type]  # no Hessian is needed here
    return gaussian_tails(landscape, budget_for("quick", landscape.dimension), settings)


def function(fn: Callable[[Tensor], Tensor], d: int, **options: object) -> Landscape:
    return Landscape.from_function(fn, d, **options)  # type: ignore[arg-type]


def truth(d: int, stiffness: float, decay: float) -> float:
    """log(Z/Z_G) of L = ½c‖θ‖².

    θ ~ N(0, s/(2λ)) and 2L/s = c‖θ‖²/s, so each coordinate gives E exp(−(c/(2λ)) x²), x ~ N(0, 1), which is (1 + c/λ)^(−1/2).
    """
    return -d / 2 * math.log1p(stiffness / decay)


def quadratic_losses(generator: torch.Generator, n: int, d: int, stiffness: float, decay: float, s: float) -> list[float]:
    x = torch.randn(n, d, dtype=torch.float64, generator=generator)
    return (0.5 * stiffness * s / (2 * decay) * x.square().sum(1)).tolist()


@pytest.mark.parametrize("temperature", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize(("stiffness", "decay"), [(0.1, 0.1), (0.05, 0.5)])
def test_the_closed_form_of_a_quadratic_is_within_the_interval(stiffness: float, decay: float, temperature: float) -> None:
    # Six intervals at 99 %, seed fixed; the same normals serve all, so they do not fail independently: at most 6 % by chance
    # for a new seed, none for this one.
    landscape = function(lambda t: 0.5 * stiffness * t.square().sum(), 4, weight_decay=decay)
    result = judge(landscape, temperatures=(temperature,))
    assert result.status == Status.SUPPORTED
    assert result.interval is not None
    expected = truth(4, stiffness, decay)
    assert result.interval[0] <= expected <= result.interval[1]
    assert result.interval[1] - result.interval[0] < 1  # and it is no trivial interval
    assert result.evidence["temperature"] == temperature


def test_intervals_cover_the_truth() -> None:
    # d = 4, c = λ: weights exp(−½‖x‖²) have effective size (3/4)² = 0.56 of n = 64. 1,000 intervals at 95 %; their skewness costs
    # little. If the coverage is at least 93 %, fewer than 890 hits have probability below 1e-5 (−5.0 standard deviations).
    # If it were 98.5 % or more (intervals too wide), more than 966 hits would be certain: between the two it is calibrated.
    generator = torch.Generator().manual_seed(0)
    hits, width = 0, 0.0
    for _ in range(1000):
        _, (low, high), effective = log_ratio(quadratic_losses(generator, 64, 4, 0.3, 0.3, 2.0), 2.0, 0.95)
        assert effective > 10
        hits += low <= truth(4, 0.3, 0.3) <= high
        width += (high - low) / 1000
    assert 890 <= hits <= 975
    # Standard error √(Var w / n)/E w = √((4/3)² − 1)/8 = 0.11, times 2·2.0.
    assert width == pytest.approx(0.44, rel=0.15)


def test_where_few_samples_count_the_bounds_are_jensens_and_zero() -> None:
    # d = 200, c/λ = 10: log Z/Z_G = −240, E log w = −1,000 with standard deviation 100, so no sample is near what governs Z.
    generator = torch.Generator().manual_seed(1)
    losses = quadratic_losses(generator, 64, 200, 1.0, 0.1, 1.0)
    value, (low, high), effective = log_ratio(losses, 1.0, 0.99)
    assert effective < 10
    assert low < truth(200, 1.0, 0.1) < high == 0
    # −(2/s) times a one-sided 99 % limit of E L = 500, whose standard error is 50/8.
    assert -1000 - 5 * 12.5 < low < -1000 + 3 * 12.5
    assert low < value


@pytest.mark.parametrize(("d", "stiffness", "n"), [(64, 0.5, 256), (16, 1.5, 256), (64, 0.35, 64), (1, 0.001, 256), (16, 0.2, 64)])
def test_intervals_cover_where_weights_are_skewed_and_where_they_hardly_differ(d: int, stiffness: float, n: int) -> None:
    # 1,000 intervals at 95 %, s = 1, λ = 1: at a coverage of 94 % fewer than 902 hits have probability 4e-7 (−5 deviations). With
    # Student-t from ten effective samples on, 823, 840 and 854 were counted for the first three.
    generator = torch.Generator().manual_seed(2)
    expected = truth(d, stiffness, 1.0)
    hits = 0
    for _ in range(1000):
        _, (low, high), _ = log_ratio(quadratic_losses(generator, n, d, stiffness, 1.0, 1.0), 1.0, 0.95)
        hits += low <= expected <= high
    assert hits >= 902


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30), st.floats(-3, 3).map(lambda x: 10**x), st.sampled_from([0.9, 0.99]))
def test_the_ratio_never_exceeds_one_and_never_overflows(losses: list[float], temperature: float, level: float) -> None:
    value, (low, high), effective = log_ratio(losses, temperature, level)
    assert all(map(math.isfinite, (value, low, high, effective)))
    # log-mean-exp of zeros is zero up to rounding.
    assert value <= 1e-12
    assert high <= 1e-12
    assert low <= value + 1e-12 <= high + 2e-12
    assert -2 / temperature * max(losses) - 1e-9 <= value + 1e-12 * abs(value)
    assert 1 - 1e-9 <= effective <= len(losses) * (1 + 1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=2, max_size=10), st.floats(0, 1e3))
def test_a_constant_added_to_the_loss_moves_the_value(losses: list[float], constant: float) -> None:
    value, _, effective = log_ratio(losses, 2.0, 0.99)
    moved, _, same = log_ratio([x + constant for x in losses], 2.0, 0.99)
    assert moved == pytest.approx(value - constant, abs=1e-9)
    assert same == pytest.approx(effective, rel=1e-9)


def test_huge_losses_are_no_overflow() -> None:
    result = judge(function(lambda t: 1e6 + t.square().sum(), 3, weight_decay=1.0), temperatures=(1e-3,))
    assert result.status == Status.SUPPORTED
    assert result.statistic == pytest.approx(-2e9, rel=1e-6)


def test_a_negative_loss_far_out_is_an_error() -> None:
    pit = function(lambda t: 3 - t.square().sum(), 2, weight_decay=0.01)
    with pytest.raises(LandscapeError, match="is negative, and the criteria need L ≥ 0"):
        judge(pit)


def test_a_loss_that_is_not_finite_is_inconclusive() -> None:
    wall = function(lambda t: torch.where(t.norm() > 3, torch.inf, t.square().sum()), 2, weight_decay=0.1)
    result = judge(wall)
    assert result.status == Status.INCONCLUSIVE
    assert "not finite at" in result.summary
    assert result.statistic is None


SLOW: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda t: torch.sqrt(1 + t.square().sum()),
    "subquadratic": lambda t: (1 + t.square().sum()).pow(0.75),
    "logarithmic": lambda t: torch.log1p(t.square().sum()),
    "bounded": lambda t: 1 - torch.exp(-t.square().sum()),
}


@pytest.mark.parametrize("name", SLOW)
def test_slow_growth_without_decay_is_refuted_on_a_tube(name: str) -> None:
    result = judge(function(SLOW[name], 3))
    assert result.status == Status.REFUTED
    assert "tube of 4 parallel rays" in result.summary
    assert result.interval is not None
    assert result.interval[1] < 2
    assert result.witness is not None


def test_the_undecayed_tensor_is_named() -> None:
    landscape = function(lambda t: (1 - torch.cos(t)).sum(), 4, blocks={"w": 2, "bias": 2}, weight_decay=0.1, no_decay=["bias"])
    result = judge(landscape)
    assert result.status == Status.REFUTED
    assert "parameter bias, weight decay 0" in result.summary


@pytest.mark.parametrize("power", [2, 4])
def test_a_loss_that_confines_by_itself_is_supported(power: int) -> None:
    result = judge(function(lambda t: t.pow(power).sum(), 3))
    assert result.status == Status.SUPPORTED
    assert result.statistic == pytest.approx(power, abs=0.01)


def test_a_tube_is_four_rays_a_tenth_apart() -> None:
    landscape = function(lambda t: t.square().sum(), 50)
    profiles = tube(landscape, Ray("isotropic", 0, 0, "initial"), [1.0, 2.0, 4.0], Cost(), seed=3)
    assert len(profiles) == 4
    assert len({p.values for p in profiles}) == 4
    # ‖shift‖ is 0.1·χ_50/√50: within 6 of its standard deviations of 0.01.
    unshifted = profiles[0]
    for p in profiles[1:]:
        assert abs(p.radii[0] - unshifted.radii[0]) < 0.16 * norm(landscape.initial)
    again = tube(landscape, Ray("isotropic", 0, 0, "initial"), [1.0, 2.0, 4.0], Cost(), seed=3)
    assert [p.values for p in again] == [p.values for p in profiles]


def test_one_ray_is_not_enough_for_a_tube() -> None:
    # Along the axis θ₂ = 0 the loss is bounded, but beside it F is quadratic: a null set does not spoil the tails.
    landscape = function(lambda t: t[1].square() * (1 + t[0].square()) + 1 - torch.exp(-t[0].square()), 2)
    rays = (Ray("sparse", 0, i) for i in range(40))
    ray = next(r for r in rays if r.direction(landscape)["theta"][0] != 0)
    profiles = tube(landscape, ray, [10.0**k for k in range(6)], Cost(), seed=0)
    assert [grows_slowly(landscape, p, 0.99) for p in profiles] == [True, False, False, False]


def test_one_slow_ray_of_a_tube_refutes_nothing() -> None:
    # On y = 0, where the rays within x lie, L grows like |x|; beside it like x².
    def valley(t: Tensor) -> Tensor:
        return (1 + t[0].square()).sqrt() + 1e3 * (t[0] * t[1]).square() + t[1].square()

    subject = function(valley, 2, blocks={"x": 1, "y": 1}, initial=torch.tensor([1.0, 0.0], dtype=torch.float64))
    assert judge(subject).status == Status.INCONCLUSIVE


def test_the_witness_replays() -> None:
    landscape = function(SLOW["linear"], 3)
    witness = judge(landscape).witness
    assert witness is not None
    ray = family_of(witness["family"])
    assert isinstance(ray, Ray)
    again = tube(landscape, ray, witness["parameters"], Cost(), seed=witness["tube_seed"])
    assert list(again[0].values) == [c["value"] for c in witness["claimed"]]
    assert all(grows_slowly(landscape, p, witness["level"]) for p in again)


def test_the_same_seed_gives_the_same_numbers() -> None:
    landscape = function(lambda t: (1 - torch.cos(t)).sum(), 3, weight_decay=0.1)
    first, again, other = (judge(landscape, s) for s in (4, 4, 5))
    assert (first.statistic, first.interval, first.evidence) == (again.statistic, again.interval, again.evidence)
    assert first.statistic != other.statistic
    budget = budget_for("quick", 3)
    radial = max(1, budget.growth_rays // 6) * (POINTS_PER_DECADE * budget.growth_decades + 1)
    assert first.cost.num_losses == budget.tail_samples + radial
