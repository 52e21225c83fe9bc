"""Quadratic growth: F(θ) ≥ a‖θ‖² − b for some a > 0.

With L ≥ 0 and decay on every tensor it holds with a = min_t λ_t/2, so the check is that no F measured lies
below that. Along a direction without decay only L can grow, and the exponent of F over the last decade of
radius decides: cross-entropies of LayerNorm networks grow at most linearly.
"""

from __future__ import annotations

from typing import Any

from villani_verify.criteria.budget import Budget
from villani_verify.criteria.profiles import (
    POINTS_PER_DECADE,
    QUADRATIC,
    Profile,
    growth_rays,
    profile,
    profile_as_dict,
    profile_witness,
    reference_radius,
    undecayed_part,
)
from villani_verify.criteria.result import Cost, CriterionResult, Status
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.gradient import add_decay, loss_and_gradient
from villani_verify.curvature.probes import derive_seed
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.search.directions import Direction, normalised
from villani_verify.search.scan import log_spaced

NAME = "quadratic_growth"
CLAIM = "F(θ) ≥ a‖θ‖² − b for some a > 0"


def quadratic_growth(landscape: Landscape, budget: Budget, settings: Settings) -> CriterionResult:
    """Check quadratic growth along drawn rays, along undecayed tensors, and along the worst direction found.

    Args:
        landscape: gives F.
        budget: `growth_rays`, `growth_decades`, `descent_steps`, `level`.
        settings: seed and progress.

    Returns:
        The result; its statistic is the smallest F/‖θ‖² seen at the largest radius.
    """
    cost = Cost()
    start = reference_radius(landscape)
    parameters = log_spaced(start, start * 10**budget.growth_decades, int(POINTS_PER_DECADE * budget.growth_decades) + 1)
    profiles = []
    rays = growth_rays(landscape, budget.growth_rays, seed=derive_seed(settings.seed, NAME))
    for i, ray in enumerate(rays):
        settings.progress("quadratic growth: rays", i, len(rays))
        try:
            found = profile(landscape, ray, parameters, cost)
        except RequestError:
            continue  # A gradient that vanishes at the reference point gives no direction.
        if found is not None:
            profiles.append(found)
    if not profiles:
        return _result(landscape, Status.INCONCLUSIVE, "F is not finite along any drawn ray.", [], None, None, None, budget, cost)
    worst = min(profiles, key=lambda p: p.coefficient)
    settings.progress("quadratic growth: worst direction", len(rays), len(rays))
    descended = _descend(landscape, worst, budget.descent_steps, cost)
    return _judge(landscape, profiles, descended, budget, cost)


def _judge(landscape: Landscape, profiles: list[Profile], descended: float, budget: Budget, cost: Cost) -> CriterionResult:
    below = [p for p in profiles if p.coefficient < landscape.smallest_decay / 2 * (1 - 1e-5)]
    slow: list[tuple[float, Profile]] = []
    unclear = 0
    for p in profiles:
        fit = p.fit()
        if p.decayed:
            continue  # The decay term alone is quadratic, and L ≥ 0.
        if fit is None:
            unclear += 1
            continue
        low, high = fit.interval(budget.level)
        if high < QUADRATIC:
            slow.append((fit.exponent, p))
        elif low < QUADRATIC:
            unclear += 1
    statistic = min(descended, *(p.coefficient for p in profiles))
    if slow or below:
        exponent, witness = min(slow, key=lambda pair: pair[0]) if slow else (2.0, below[0])
        summary = (
            f"F grows only like ‖θ‖^{exponent:z.2f} along a {witness.family.label}"
            f"{undecayed_part(landscape, witness.family)}: "
            f"F/‖θ‖² falls to {witness.coefficient:.3g} at radius {witness.radii[-1]:.3g}."
        )
        return _result(landscape, Status.REFUTED, summary, profiles, witness, statistic, (0.0, witness.coefficient), budget, cost)
    if unclear:
        summary = (
            f"On {unclear} of {len(profiles)} rays the exponent could not be told from 2; a budget with more decades would decide."
        )
        return _result(landscape, Status.INCONCLUSIVE, summary, profiles, None, statistic, (0.0, statistic), budget, cost)
    certain = landscape.smallest_decay / 2
    basis = f"L ≥ 0 and the smallest weight decay give a ≥ {certain:.3g}" if certain else "no ray grew slower than quadratically"
    summary = f"The smallest F/‖θ‖² on {len(profiles)} rays and after a descent was {statistic:.4g}; {basis}."
    return _result(
        landscape, Status.SUPPORTED, summary, profiles, None, statistic, (min(certain, statistic), statistic), budget, cost
    )


def _descend(landscape: Landscape, worst: Profile, steps: int, cost: Cost) -> float:
    """Lower F(rv)/r² over unit v at the largest radius by projected gradient steps; return the lowest value."""
    r = worst.radii[-1]
    point = worst.family.points(landscape)(worst.parameters[-1])
    v: Direction = normalised(point)
    best, step = landscape.value({n: t * r for n, t in v.items()}), 0.5
    cost.num_losses += 1
    for _ in range(steps):
        theta = {n: t * r for n, t in v.items()}
        g = add_decay(landscape, theta, loss_and_gradient(landscape, theta)[1])
        cost.num_gradients += 1
        radial = sum(float((g[n] * v[n]).sum()) for n in v)
        try:
            tangent = normalised({n: g[n] - radial * v[n] for n in v})
        except RequestError:
            break
        trial = normalised({n: v[n] - step * tangent[n] for n in v})
        value = landscape.value({n: t * r for n, t in trial.items()})
        cost.num_losses += 1
        if value < best:
            v, best = trial, value
        else:
            step /= 2
    return best / r**2


def _result(
    landscape: Landscape,
    status: Status,
    summary: str,
    profiles: list[Profile],
    witness: Profile | None,
    statistic: float | None,
    interval: tuple[float, float] | None,
    budget: Budget,
    cost: Cost,
) -> CriterionResult:
    evidence: dict[str, Any] = {
        "smallest_half_decay": landscape.smallest_decay / 2,
        "undecayed": list(landscape.undecayed),
        "profiles": [profile_as_dict(p) for p in profiles],
    }
    return CriterionResult(
        name=NAME, status=status, claim=CLAIM, summary=summary, statistic_name="smallest F/‖θ‖² at the largest radius",
        statistic=statistic, interval=interval, level=budget.level, evidence=evidence,
        witness=None if witness is None else profile_witness(NAME, [witness], budget.level), cost=cost.stop(),
    )  # fmt: skip
