"""Differential growth along rays: Ψ_s(rv) → ∞ along almost every ray.

Directions are drawn uniformly from the sphere. A ray drawn so lies in a given null set with probability 0, so
one ray on which Ψ_s stays bounded over a decade refutes the claim; and if it failed on a fraction q of all rays,
n rays would miss that with probability (1 − q)^n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from villani_verify.criteria.bounded import bounded_family, last_decade
from villani_verify.criteria.budget import Budget
from villani_verify.criteria.measured_family import (
    MeasuredFamily,
    bounded_sentence,
    family_as_dict,
    family_witness,
    measure_family,
    worst_parameters,
)
from villani_verify.criteria.profiles import reference_radius
from villani_verify.criteria.refutation import persists
from villani_verify.criteria.result import Cost, CriterionResult, Status
from villani_verify.criteria.settings import Settings, temperatures_in_words
from villani_verify.curvature.probes import derive_seed
from villani_verify.estimation.critical_growth import critical_temperature_growth
from villani_verify.estimation.growth import GrowthFit, fit_growth
from villani_verify.landscape import Landscape
from villani_verify.search.families import Family, Ray
from villani_verify.search.scan import log_spaced

NAME = "differential_growth_rays"


def claim(temperatures: Sequence[float]) -> str:
    """Return the claim for these temperatures, or for every s > 0 where there are none."""
    return f"Ψ_s(rv) = −ΔF + ‖∇F‖²/s → ∞ along almost every ray v, for {temperatures_in_words(temperatures)}"


def differential_growth_rays(landscape: Landscape, budget: Budget, settings: Settings) -> CriterionResult:
    """Measure Ψ_s and s* along isotropic rays and fit their growth.

    Args:
        landscape: gives F.
        budget: `rays`, `radii`, `decades`, `num_probes`, `scan`, `exact_dimension`, `deciding_dimension`, `level`.
        settings: seed, engine, temperatures and progress.

    Returns:
        The result; its statistic is the growth exponent of s*, or of ‖∇F‖² where s* is infinite.
    """
    cost = Cost()
    start = reference_radius(landscape)
    edges = log_spaced(start, start * 10**budget.decades, budget.radii)
    if budget.scan <= 1:
        edges = [edges[0], *edges]  # Without scanning the edges themselves are measured, the first one too.
    measured: list[MeasuredFamily] = []
    for i in range(budget.rays):
        settings.progress("Ψ along rays", i, budget.rays)
        ray = Ray("isotropic", derive_seed(settings.seed, NAME), i)
        parameters = worst_parameters(landscape, ray, edges, budget, cost)
        measured.append(_measure(landscape, ray, parameters, budget, settings, f"{NAME} {i}", cost))
    result = _concluded(landscape, measured, budget, settings, cost)
    if result.status != Status.INCONCLUSIVE or landscape.dimension > budget.deciding_dimension:
        return result
    exact = replace(budget, exact_dimension=budget.deciding_dimension)
    unclear = [i for i, m in enumerate(measured) if _sign_is_open(m, budget.level)]
    for done, i in enumerate(unclear):
        settings.progress("Ψ along rays, exactly", done, len(unclear))
        m = measured[i]
        measured[i] = _measure(landscape, m.family, m.parameters, exact, settings, f"{NAME} {i}", cost)
    return _concluded(landscape, measured, exact, settings, cost) if unclear else result


def _measure(
    landscape: Landscape, ray: Family, parameters: Sequence[float], budget: Budget, settings: Settings, label: str, cost: Cost
) -> MeasuredFamily:
    return measure_family(
        landscape, ray, parameters, settings=settings, budget=budget, num_probes=budget.num_probes, label=label, cost=cost
    )


def _sign_is_open(m: MeasuredFamily, level: float) -> bool:
    """Say whether ΔF may be zero somewhere in the last decade: log s* has no error then that a fit of its growth could bear."""
    intervals = [p.laplacian.interval(level) for p in last_decade(m.points)]
    return any(low <= 0 <= high and low < high for low, high in intervals)


def _concluded(
    landscape: Landscape, measured: list[MeasuredFamily], budget: Budget, settings: Settings, cost: Cost
) -> CriterionResult:
    """Return the first refutation that is confirmed, or what all rays together show."""
    for i, m in enumerate(measured):
        if bounded_family(m.points, settings.temperatures, budget.level):
            refuted = _confirmed(landscape, m, i, budget, settings, cost, measured)
            if refuted is not None:
                return refuted
    return _judge(measured, budget, settings, cost)


def _confirmed(
    landscape: Landscape,
    m: MeasuredFamily,
    number: int,
    budget: Budget,
    settings: Settings,
    cost: Cost,
    measured: list[MeasuredFamily],
) -> CriterionResult | None:
    fresh = _measure(landscape, m.family, m.parameters, budget, settings, f"{NAME} confirm {number + 1}", cost)
    bounded = bounded_family(fresh.points, settings.temperatures, budget.level)
    if bounded is None or not persists(landscape, fresh, bounded, budget, cost):
        return None
    name = "growth exponent of the upper bound of s*" if bounded.mechanism == "temperature" else "growth exponent of ‖∇F‖²"
    return CriterionResult(
        name=NAME, status=Status.REFUTED, claim=claim(settings.temperatures),
        summary=f"On an isotropically drawn ray {bounded_sentence(fresh, bounded)}.",
        statistic_name=name, statistic=bounded.fit.exponent, interval=bounded.fit.interval(budget.level), level=budget.level,
        evidence=_evidence(measured, None, None, budget, settings),
        witness=family_witness(NAME, fresh, bounded, budget.level), cost=cost.stop(),
    )  # fmt: skip


def _judge(measured: list[MeasuredFamily], budget: Budget, settings: Settings, cost: Cost) -> CriterionResult:
    last = [last_decade(m.points) for m in measured]
    gradient = fit_growth([[(p.radius, p.gradient_norm_squared) for p in ray] for ray in last])
    critical = critical_temperature_growth(last)
    points = [p for ray in last for p in ray]
    infinite = sum(p.laplacian.value <= 0 for p in points)
    grows_gradient = gradient is not None and gradient.interval(budget.level)[0] > 0
    grows_critical = (critical is not None and critical.interval(budget.level)[0] > 0) or infinite == len(points) > 0
    cold = bool(settings.temperatures) and all(
        p.critical_temperature_interval(budget.level)[0] > 1.05 * max(settings.temperatures) for p in points
    )
    if points and grows_gradient and (grows_critical or cold):
        status = Status.SUPPORTED
        missed = 1 - (1 - budget.level) ** (1 / len(measured))
        summary = (
            f"On all {len(measured)} isotropic rays s* grew (exponent {_shown(critical)}) and ‖∇F‖² grew "
            f"(exponent {_shown(gradient)}); with confidence {budget.level:.0%} it fails on at most {missed:.0%} of rays."
        )
    else:
        status = Status.INCONCLUSIVE
        summary = (
            f"No ray refutes it, but the growth of s* (exponent {_shown(critical)}) and ‖∇F‖² (exponent {_shown(gradient)}) "
            "is not established at this level; more rays or probes (a larger budget) would decide."
        )
    fit, name = (critical, "growth exponent of s*") if critical is not None else (gradient, "growth exponent of ‖∇F‖²")
    return CriterionResult(
        name=NAME, status=status, claim=claim(settings.temperatures), summary=summary, statistic_name=name,
        statistic=None if fit is None else fit.exponent, interval=None if fit is None else fit.interval(budget.level),
        level=budget.level, evidence=_evidence(measured, gradient, critical, budget, settings), witness=None, cost=cost.stop(),
    )  # fmt: skip


def _shown(fit: GrowthFit | None) -> str:
    return "not fitted" if fit is None else f"{fit.exponent:.2f}"


def _evidence(
    measured: list[MeasuredFamily], gradient: GrowthFit | None, critical: GrowthFit | None, budget: Budget, settings: Settings
) -> dict[str, Any]:
    temperatures = settings.temperatures or (1.0,)
    return {
        "rays": len(measured),
        "families": [family_as_dict(m, temperatures, budget.level) for m in measured],
        "gradient_growth": _fit_as_dict(gradient, budget.level),
        "critical_temperature_growth": _fit_as_dict(critical, budget.level),
    }


def _fit_as_dict(fit: GrowthFit | None, level: float) -> dict[str, Any] | None:
    if fit is None:
        return None
    return {"exponent": fit.exponent, "interval": list(fit.interval(level)), "coefficient": fit.coefficient}
