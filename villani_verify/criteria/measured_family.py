"""Ψ_s and s* measured along one family of points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from villani_verify.criteria.bounded import BoundedFamily
from villani_verify.criteria.budget import Budget
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.exact import exact_scan
from villani_verify.curvature.probes import derive_seed
from villani_verify.errors import LandscapeError
from villani_verify.estimation.psi import PointMeasurement, assemble, exact_estimate, measure_point
from villani_verify.landscape import Landscape
from villani_verify.search.families import Family
from villani_verify.search.scan import low_points


@dataclass(frozen=True)
class MeasuredFamily:
    """Measurements along a family, by increasing radius.

    Attributes:
        family: where.
        parameters: `r`.
        points: what was measured at θ(r).
        seed: address of the probes.
        num_probes: for each point.
    """

    family: Family
    parameters: tuple[float, ...]
    points: tuple[PointMeasurement, ...]
    seed: int
    num_probes: int


def measure_family(
    landscape: Landscape,
    family: Family,
    parameters: Sequence[float],
    *,
    settings: Settings,
    budget: Budget,
    num_probes: int,
    label: str,
    cost: Cost,
) -> MeasuredFamily:
    """Measure a family at the given r, with probes of its own.

    All points share these probes. Where the curvature that counts scales as a whole, their errors are then the same fraction
    everywhere and fall out of the growth exponents; joint bounds by Bonferroni's inequality need no independence.

    Points from the first that is not finite onwards are left out.

    Args:
        landscape: gives F.
        family: where.
        parameters: r, increasing.
        settings: seed and engine.
        budget: `exact_dimension`.
        num_probes: ±1 probes for each point.
        label: names this use of the probes; another label draws fresh ones.
        cost: what is spent is added here.
    """
    seed = derive_seed(settings.seed, label)
    points = family.points(landscape)
    measured: list[PointMeasurement] = []
    if landscape.dimension <= budget.exact_dimension:
        thetas = [points(r) for r in parameters]
        for theta, (loss, plain, full, laplacian) in zip(thetas, exact_scan(landscape, thetas), strict=True):
            cost.num_gradients += 1
            cost.num_matvecs += landscape.dimension
            try:
                measured.append(
                    assemble(landscape, theta, loss=loss, plain=plain, full=full, laplacian=exact_estimate(landscape, laplacian))
                )
            except LandscapeError:
                break
    else:
        for r in parameters:
            try:
                measured.append(
                    measure_point(
                        landscape, points(r), engine=settings.engine, seed=seed, num_probes=num_probes,
                        exact_dimension=budget.exact_dimension,
                    )
                )  # fmt: skip
            except LandscapeError:
                break
            cost.num_gradients += 1
            cost.num_matvecs += measured[-1].laplacian.num_matvecs
    return MeasuredFamily(family, tuple(parameters[: len(measured)]), tuple(measured), seed, num_probes)


def worst_parameters(landscape: Landscape, family: Family, edges: Sequence[float], budget: Budget, cost: Cost) -> list[float]:
    """Return the r at which to measure: low points of s*, one a bin, where scanning is affordable, else the outer edges."""
    if not budget.scans(landscape.dimension):
        return list(edges[1:])
    cost.num_gradients += budget.scan * (len(edges) - 1)
    return low_points(landscape, family.points(landscape), edges, per_bin=budget.scan)


def point_as_dict(p: PointMeasurement, temperatures: Sequence[float], level: float) -> dict[str, Any]:
    """Return a measurement as plain values for results and figures."""
    return {
        "radius": p.radius,
        "loss": p.loss,
        "gradient_norm_squared": p.gradient_norm_squared,
        "laplacian": {
            "value": p.laplacian.value,
            "standard_error": p.laplacian.standard_error,
            "interval": list(p.laplacian.interval(level)),
            "num_matvecs": p.laplacian.num_matvecs,
        },
        "critical_temperature": {
            "value": p.critical_temperature,
            "interval": list(p.critical_temperature_interval(level)),
        },
        "psi": [{"temperature": s, "value": p.psi(s), "interval": list(p.psi_interval(s, level))} for s in temperatures],
    }


def family_as_dict(m: MeasuredFamily, temperatures: Sequence[float], level: float) -> dict[str, Any]:
    """Return a measured family as plain values for results and figures."""
    return {
        "label": m.family.label,
        "sentence": m.family.sentence,
        "family": m.family.as_dict(),
        "points": [point_as_dict(p, temperatures, level) for p in m.points],
    }


def family_witness(criterion: str, m: MeasuredFamily, bounded: BoundedFamily, level: float) -> Mapping[str, Any]:
    """Return what is needed to measure a refuting family again with fresh probes."""
    return {
        "kind": "bounded-family",
        "criterion": criterion,
        "family": m.family.as_dict(),
        "sentence": m.family.sentence,
        "mechanism": bounded.mechanism,
        "temperature": bounded.temperature,
        "every_temperature": bounded.every_temperature,
        "bound": bounded.bound,
        "exponent": bounded.fit.exponent,
        "parameters": list(m.parameters),
        "num_probes": m.num_probes,
        "seed": m.seed,
        "level": level,
        "claimed": [point_as_dict(p, [bounded.temperature], level) for p in m.points],
    }


def loss_sentence(m: MeasuredFamily) -> str:
    """Say that L does not change along a family, where it does not; else nothing."""
    losses = [p.loss for p in m.points]
    if max(losses) - min(losses) > 1e-5 * (1 + abs(losses[0])):
        return ""
    return f" L stays at {losses[-1]:.4g}: the parameters grow without changing the function."


def bounded_sentence(m: MeasuredFamily, bounded: BoundedFamily) -> str:
    """Say in words how a family breaks the criterion."""
    span = f"radius {m.points[0].radius:.3g} to {m.points[-1].radius:.3g}"
    if bounded.mechanism == "gradient":
        reach = "every s > 0" if bounded.every_temperature else f"s = {bounded.temperature:.3g}"
        return (
            f"‖∇F‖ does not grow (fitted r^{bounded.fit.exponent / 2:z.2f}) and ΔF does not fall, so Ψ_s stays bounded for {reach} "
            f"(below {bounded.bound:.3g} at s = {bounded.temperature:.3g}); {span}"
        )
    if bounded.every_temperature:
        first, last = m.points[0].critical_temperature, m.points[-1].critical_temperature
        return (
            f"the upper bound of s* falls like r^{bounded.fit.exponent:z.2f}, s* itself from {first:.3g} to {last:.3g}; at this "
            f"rate Ψ_s ends up negative for every s > 0; {span}"
        )
    ceiling = _rounded_up(bounded.bound)  # the sentence speaks of every s above it
    return (
        f"the upper bound of s* does not grow (fitted r^{bounded.fit.exponent:z.2f}) and is at most {ceiling:.3g}, so Ψ_s < 0 for "
        f"every s above that; {span}"
    )


def _rounded_up(x: float) -> float:
    """Round a number ≥ 0 up to three digits; it is 0 where the gradient vanishes exactly."""
    if x == 0:
        return 0.0
    digit = math.floor(math.log10(x)) - 2
    return math.ceil(x / 10**digit) * 10**digit
