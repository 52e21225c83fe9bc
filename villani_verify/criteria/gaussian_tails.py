"""Gaussian tails: ∫ exp(−2F/s) dθ < ∞ with Gaussian moments, for the Gibbs density ∝ exp(−2F/s).

With decay on every tensor, Z/Z_G = E_{θ ~ N(0, s/(2λ))}[exp(−2L(θ)/s)] ≤ 1 as L ≥ 0, where Z_G is the Gaussian's
own integral; the moments are bounded by the Gaussian's. Without decay on some tensors, F must grow
quadratically on its own there: if F grows more slowly along a whole tube of parallel rays, which has
positive volume, then E exp(ε‖θ‖²) = ∞ for every ε > 0. Everything is computed in logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

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
from villani_verify.curvature.probes import derive_seed, normals
from villani_verify.errors import RequestError
from villani_verify.estimation.mean_interval import interval_of_mean
from villani_verify.landscape import Landscape
from villani_verify.search.families import Ray
from villani_verify.search.scan import log_spaced

NAME = "gaussian_tails"
CLAIM = "∫ exp(−2F(θ)/s) dθ < ∞, with Gaussian moments"
_TUBE_RAYS = 4
_TUBE_WIDTH = 0.1
# Largest skewness²/n of weights: above it the heaviest are so often missing that intervals at 95 % were seen to cover 81 %.
_LARGEST_SKEWNESS = 0.35


def gaussian_tails(landscape: Landscape, budget: Budget, settings: Settings) -> CriterionResult:
    """Estimate log Z against the Gaussian reference, or search for tubes along which the tails are heavier.

    Args:
        landscape: gives F.
        budget: `tail_samples`, `growth_rays`, `growth_decades`, `level`.
        settings: seed, temperatures (the first is used; default 1) and progress.

    Returns:
        The result; its statistic is log(Z/Z_G) where every tensor decays, else the smallest growth exponent of F.
    """
    cost = Cost()
    if landscape.undecayed:
        return _tubes(landscape, budget, settings, cost)
    temperature = settings.temperatures[0] if settings.temperatures else 1.0
    losses = []
    for i in range(budget.tail_samples):
        settings.progress("Gaussian tails: samples", i, budget.tail_samples)
        losses.append(landscape.loss(_gaussian_point(landscape, temperature, settings.seed, i)))
        cost.num_losses += 1
    finite = [x for x in losses if math.isfinite(x)]
    radial = _radial(landscape, budget, settings, cost)
    evidence: dict[str, Any] = {
        "temperature": temperature,
        "samples": len(losses),
        "profiles": [profile_as_dict(p) for p in radial],
    }
    if len(finite) < len(losses):
        summary = (
            f"L was not finite at {len(losses) - len(finite)} of {len(losses)} Gaussian samples; --dtype float64 would decide."
        )
        return _result(Status.INCONCLUSIVE, summary, _RATIO, None, None, evidence, None, budget, cost)
    for x in finite:
        landscape.check_non_negative(x, f"loss of landscape {landscape.name!r} at a sample of its Gaussian reference")
    value, interval, effective = log_ratio(finite, temperature, budget.level)
    evidence |= {"effective_sample_size": effective, "losses": sorted(finite)}
    how = "" if _weights_suffice(effective, len(finite)) else f" (wide: the effective sample size is {effective:.1f})"
    summary = (
        f"At s = {temperature:g}, log(Z/Z_G) = {value:.4g}, within [{interval[0]:.4g}, {interval[1]:.4g}]{how}; "
        "it cannot exceed 0 where L ≥ 0, and L was never negative."
    )
    return _result(Status.SUPPORTED, summary, _RATIO, value, interval, evidence, None, budget, cost)


_RATIO = "log(Z/Z_G), the normalising constant against the Gaussian reference"
_EXPONENT = "smallest growth exponent of F on a tube of rays"


def log_ratio(losses: Sequence[float], temperature: float, level: float) -> tuple[float, tuple[float, float], float]:
    """Return log E[exp(−2L/s)] with an interval and the effective sample size.

    The value is log-mean-exp. Its interval, where weights are not too skewed for their number: that of their mean (see
    `mean_interval`), mapped to logarithms by the delta method, and cut at 0, as L ≥ 0. Elsewhere:
    [−(2/s)·(upper limit of E[L]), 0], where the lower end is Jensen's inequality with the limit of a mean. One or the other, as
    the errors of both would add up if the better ends were taken.

    Args:
        losses: L at independent samples of the reference, at least two.
        temperature: `s`.
        level: confidence of the interval.
    """
    logs = torch.tensor(losses, dtype=torch.float64) * (-2 / temperature)
    n = len(losses)
    value = float(torch.logsumexp(logs, 0)) - math.log(n)
    weights = (logs - logs.max()).exp()
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    tail = (1 - level) / 2
    if not _weights_suffice(effective, n):
        jensen = interval_of_mean(logs.tolist(), tail)[0]
        return value, (min(jensen, value), max(0.0, value)), effective  # a mean of ones may exceed one by rounding
    mean = float(weights.mean())
    low, high = interval_of_mean(weights.tolist(), tail)
    # The relative errors x of the mean weight m: weights are skewed to the right, so m e^±x covers better than m(1 ± x).
    return value, (value + (low - mean) / mean, max(min(0.0, value + (high - mean) / mean), value)), effective


def _weights_suffice(effective: float, n: int) -> bool:
    """Say whether the mean of n weights has an interval, from the skewness of log-normal ones with this effective size."""
    spread = n / effective - 1  # the squared coefficient of variation
    return spread * (spread + 3) ** 2 <= _LARGEST_SKEWNESS * n


def _gaussian_point(landscape: Landscape, temperature: float, seed: int, index: int) -> dict[str, torch.Tensor]:
    address = derive_seed(seed, NAME, "samples")
    return {
        n: normals(n, t.shape, seed=address, index=index, like=t).mul_(math.sqrt(temperature / (2 * landscape.decay[n])))
        for n, t in landscape.initial.items()
    }


def _parameters(landscape: Landscape, budget: Budget) -> list[float]:
    start = reference_radius(landscape)
    return log_spaced(start, start * 10**budget.growth_decades, int(POINTS_PER_DECADE * budget.growth_decades) + 1)


def _radial(landscape: Landscape, budget: Budget, settings: Settings, cost: Cost) -> list[Profile]:
    count = max(1, budget.growth_rays // 6)
    rays = [Ray("isotropic", derive_seed(settings.seed, NAME), i) for i in range(count)]
    found = [profile(landscape, ray, _parameters(landscape, budget), cost) for ray in rays]
    return [p for p in found if p is not None]


def tube(landscape: Landscape, ray: Ray, parameters: Sequence[float], cost: Cost, *, seed: int) -> list[Profile]:
    """Return the profiles of F along a ray and along three parallel ones, about a tenth of ‖θ₀‖ beside it.

    Args:
        landscape: gives F.
        ray: from the reference point.
        parameters: distances along it.
        cost: what is spent is added here.
        seed: of the three displacements.
    """
    step = _TUBE_WIDTH * reference_radius(landscape) / math.sqrt(landscape.dimension)
    profiles = [profile(landscape, ray, parameters, cost)]
    for j in range(1, _TUBE_RAYS):
        shift = {n: normals(n, t.shape, seed=seed, index=j, like=t) * step for n, t in landscape.initial.items()}
        profiles.append(profile(landscape, ray, parameters, cost, shift=shift))
    return [p for p in profiles if p is not None]


def _tubes(landscape: Landscape, budget: Budget, settings: Settings, cost: Cost) -> CriterionResult:
    """Judge a landscape with undecayed tensors by the growth of F along tubes of parallel rays."""
    seed = derive_seed(settings.seed, NAME, "tubes")
    rays = [
        Ray(r.kind, r.seed, r.index, "initial", r.tensor)
        for r in growth_rays(landscape, max(6, budget.growth_rays // 2), seed=seed)
    ]
    exponents: list[tuple[float, float, float, list[Profile]]] = []
    unclear = 0
    for i, ray in enumerate(rays):
        settings.progress("Gaussian tails: tubes", i, len(rays))
        try:
            kept = tube(landscape, ray, _parameters(landscape, budget), cost, seed=seed)
        except RequestError:
            continue  # The gradient vanishes at the reference point, say.
        if len(kept) < _TUBE_RAYS:
            unclear += 1
            continue
        if any(p.decayed for p in kept):
            continue
        fits = [p.fit() for p in kept]
        if any(f is None for f in fits):
            unclear += 1
            continue
        spans = [f.interval(budget.level) for f in fits if f is not None]
        worst = max(f.exponent for f in fits if f is not None)
        exponents.append((worst, max(h for _, h in spans), min(lo for lo, _ in spans), kept))
    evidence: dict[str, Any] = {"tubes": len(rays), "profiles": [profile_as_dict(p[3][0]) for p in exponents]}
    slow = [e for e in exponents if e[1] < QUADRATIC]
    if slow:
        value, high, low, kept = min(slow, key=lambda e: e[0])
        where = undecayed_part(landscape, kept[0].family)
        summary = (
            f"Along a tube of {len(kept)} parallel rays, {kept[0].family.label}{where}, F grows only like "
            f"r^{value:z.2f}: the density's tails there are heavier than any Gaussian's."
        )
        witness = profile_witness(NAME, kept, budget.level) | {"tube_seed": seed}
        return _result(Status.REFUTED, summary, _EXPONENT, value, (low, high), evidence, witness, budget, cost)
    if unclear or any(e[2] < QUADRATIC for e in exponents) or not exponents:
        summary = "On some tubes the growth exponent of F could not be told from 2; a budget with more decades would decide."
        return _result(Status.INCONCLUSIVE, summary, _EXPONENT, None, None, evidence, None, budget, cost)
    value, high, low, _ = min(exponents, key=lambda e: e[0])
    summary = f"F grew at least like r^{value:.3g} on all {len(exponents)} tubes without decay."
    return _result(Status.SUPPORTED, summary, _EXPONENT, value, (low, high), evidence, None, budget, cost)


def _result(
    status: Status,
    summary: str,
    statistic_name: str,
    statistic: float | None,
    interval: tuple[float, float] | None,
    evidence: dict[str, Any],
    witness: dict[str, Any] | None,
    budget: Budget,
    cost: Cost,
) -> CriterionResult:
    return CriterionResult(
        NAME, status, CLAIM, summary, statistic_name, statistic, interval, budget.level, evidence, witness, cost.stop()
    )
