"""Whether Ψ_s stays bounded along one family over a decade of radius, measured twice: for the differential-growth properties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from villani_verify.criteria.bounded import bounded_family
from villani_verify.criteria.budget import Budget, budget_for
from villani_verify.criteria.measured_family import (
    MeasuredFamily,
    bounded_sentence,
    family_witness,
    measure_family,
    worst_parameters,
)
from villani_verify.criteria.profiles import reference_radius
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.engine import engine_for
from villani_verify.estimation.psi import PointMeasurement
from villani_verify.landscape import Landscape
from villani_verify.search.families import Drawn, parameters_at
from villani_verify.search.scan import log_spaced
from villani_verify.testing.claims import Refutation
from villani_verify.testing.observations import aim_high, observe_decade

_EXACT_DIMENSION = 2000
# Up to this one a measurement costs little more than a loss.
_SMALL_DIMENSION = 64
_RADII = 5
_FARTHER = 1e3


def bounded_over_decade(
    landscape: Landscape,
    criterion: str,
    family: Drawn,
    radius: float,
    *,
    level: float,
    seed: int = 0,
    largest_loss_change: float = math.inf,
) -> Refutation | None:
    """Measure Ψ_s along a family over the decade of radius above `radius`, and say whether it stays bounded there.

    Up to 2,000 parameters with exact Laplacians. Up to 64 the worst point near each radius is searched for, since a
    gradient may vanish on spheres that no grid meets; and what stays bounded is looked at again three decades farther
    out, since in an ill-conditioned bowl growth begins only where r outweighs the steepest curvature at θ₀. Above 2,000
    with ±1 probes, and what looks like a counterexample counts only if fresh probes agree: a worst case found with one
    set of probes is biased by them.

    Args:
        landscape: gives F.
        criterion: name for the witness.
        family: where.
        radius: inner radius of the decade, in multiples of the norm of the reference point.
        level: above 2,000 parameters, confidence of each of the two measurements over all their points. Exact ones have
            no sampling error; they are judged at the level of a quick verification, which is that of the fit.
        seed: address of the probes.
        largest_loss_change: above 64 parameters, families along which L changes by more than this (relative to 1 + L)
            are passed over. A loss that changes has a gradient, and measuring costs a hundred times more than this.

    Returns:
        The counterexample; None if there is none, or if the family never reaches that radius.
    """
    budget = _plan(landscape, level)
    level = budget.level
    inner = radius * reference_radius(landscape)
    low, high = parameters_at(landscape, family, [inner, 10.5 * inner])
    if low is None or high is None or _loss_change(landscape, family, low, high) > largest_loss_change:
        return None
    if landscape.dimension > _SMALL_DIMENSION:
        ends = _measured(landscape, family, [low, high], budget, seed, "ends").points
        _aim_for_slow_growth(ends)
        if not _may_be_bounded(ends):
            return None
    parameters = _parameters(landscape, family, low, high, budget)
    measured = _measured(landscape, family, parameters, budget, seed, "first")
    if landscape.dimension <= _SMALL_DIMENSION:
        _aim_for_slow_growth(measured.points)
    bounded = bounded_family(measured.points, (), level)
    if bounded is not None and landscape.dimension > _EXACT_DIMENSION:
        measured = _measured(landscape, family, parameters, budget, seed, "second")
        bounded = bounded_family(measured.points, (), level)
    if bounded is None or _grows_farther_out(landscape, family, inner, budget, seed, measured.points):
        return None
    summary = f"{family.sentence} Then {bounded_sentence(measured, bounded)}."
    return Refutation(family_witness(criterion, measured, bounded, level), summary, landscape)


def _may_be_bounded(ends: Sequence[PointMeasurement]) -> bool:
    """Say whether s* or ‖∇F‖² grew by less than the radius did: only then is it worth measuring in between."""
    if len(ends) < 2:
        return False
    first, last = ends
    ratio = last.radius / first.radius
    if last.gradient_norm_squared <= ratio * first.gradient_norm_squared:
        return True
    return last.critical_temperature < math.inf and last.critical_temperature <= ratio * first.critical_temperature


def _aim_for_slow_growth(points: Sequence[PointMeasurement]) -> None:
    """Lead a search to families along which the slower of ‖∇F‖² and s* grows least, or falls.

    The numbers must be exact, or of other probes than the verdict's: a search led by a measurement's noise finds where it errs.
    """
    if len(points) < 2:
        return
    first, last = points[0], points[-1]
    observe_decade("s* at the far end", last.critical_temperature)
    pairs = (
        (first.gradient_norm_squared, last.gradient_norm_squared),
        (first.critical_temperature, last.critical_temperature),
    )
    fallen = [math.log10(near) - math.log10(far) for near, far in pairs if 0 < near < math.inf and 0 < far < math.inf]
    if fallen:
        aim_high(max(fallen), "decades by which ‖∇F‖² or s* fell")


def _plan(landscape: Landscape, level: float) -> Budget:
    plan = replace(budget_for("quick", landscape.dimension), exact_dimension=_EXACT_DIMENSION)
    if landscape.dimension > _EXACT_DIMENSION:
        return replace(plan, level=level)
    # A replay of the witness draws this many probes: as many quadratic forms as the exact Laplacian took.
    return replace(plan, num_probes=max(plan.num_probes, landscape.dimension))


def _grows_farther_out(
    landscape: Landscape, family: Drawn, inner: float, budget: Budget, seed: int, near: Sequence[PointMeasurement]
) -> bool:
    """Say whether ‖∇F‖² and s* have both grown by more than the square root of the radius three decades farther out."""
    if landscape.dimension > _SMALL_DIMENSION:
        return False
    low, high = parameters_at(landscape, family, [r * _FARTHER for r in (inner, 10.5 * inner)])
    if low is None or high is None:
        return False
    far = _measured(landscape, family, _parameters(landscape, family, low, high, budget), budget, seed, "far").points
    if len(far) < _RADII:
        return False  # not finite out there
    grown = math.sqrt(_FARTHER)
    # Compared as products, for both may be zero where everything underflows, or s* infinite.
    if max(p.gradient_norm_squared for p in far) <= grown * max(p.gradient_norm_squared for p in near):
        return False
    return max(p.critical_temperature for p in far) > grown * max(p.critical_temperature for p in near)


def _loss_change(landscape: Landscape, family: Drawn, low: float, high: float) -> float:
    if landscape.dimension <= _SMALL_DIMENSION:
        return 0.0
    points = family.points(landscape)
    first, last = landscape.loss(points(low)), landscape.loss(points(high))
    return abs(last - first) / (1 + abs(first)) if math.isfinite(last) else math.inf


def _parameters(landscape: Landscape, family: Drawn, low: float, high: float, budget: Budget) -> list[float]:
    if budget.scan <= 1:
        return log_spaced(low, high, _RADII)
    # The worst point of the first bin may lie anywhere in it, so the bins begin half a decade earlier.
    return worst_parameters(landscape, family, log_spaced(low / 10**0.5, high, 2 * _RADII), budget, Cost())


def _measured(
    landscape: Landscape, family: Drawn, parameters: Sequence[float], budget: Budget, seed: int, label: str
) -> MeasuredFamily:
    settings = Settings(seed, engine_for("auto"))
    return measure_family(
        landscape, family, parameters, settings=settings, budget=budget, num_probes=budget.num_probes, label=label, cost=Cost()
    )
