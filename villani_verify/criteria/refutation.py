"""When a measured family refutes differential growth: it is bounded over a decade and, where points are cheap, further out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from villani_verify.criteria.bounded import BoundedFamily, bounded_family
from villani_verify.criteria.budget import Budget
from villani_verify.criteria.measured_family import MeasuredFamily, measure_family, worst_parameters
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.exact import exact_scan
from villani_verify.estimation.psi import critical_temperature
from villani_verify.landscape import Landscape
from villani_verify.search.families import Family, PointOf

Refutation = tuple[MeasuredFamily, BoundedFamily]
"""A family, and why Ψ_s stays bounded along it."""

_LOOSE = 1e3
# Descents far out begin with steps of this part of the radius, and double or halve them so many times.
_FIRST_STEP, _STEPS = 1e-9, 120


def refutation(
    landscape: Landscape, family: Family, parameters: Sequence[float], budget: Budget, settings: Settings, label: str, cost: Cost
) -> Refutation | None:
    """Measure a family with probes of its own and say why it is bounded, or None if that is not shown.

    Args:
        landscape: gives F.
        family: where.
        parameters: r, increasing.
        budget: `family_probes`, `exact_dimension`, `level`.
        settings: seed, engine and temperatures.
        label: names this use of the probes.
        cost: what is spent is added here.
    """
    m = measure_family(
        landscape, family, parameters, settings=settings, budget=budget, num_probes=budget.family_probes, label=label, cost=cost
    )
    bounded = bounded_family(m.points, settings.temperatures, budget.level)
    return None if bounded is None else (m, bounded)


def persists(landscape: Landscape, m: MeasuredFamily, bounded: BoundedFamily, budget: Budget, cost: Cost) -> bool:
    """Say whether a family that looks bounded still does so three to four decades further out.

    Only asked where points are cheap. A sum of a large constant and a slow term looks constant for decades; at the
    quantity's largest exponent that counts as bounded it would gain a factor of ten, and it is let gain a thousand.
    """
    if not budget.scans(landscape.dimension):
        return True
    far = [m.parameters[-1] * 10 ** (3 + i / 4) for i in range(5)]
    points = m.family.points(landscape)
    starts = worst_parameters(landscape, m.family, far, budget, cost)
    if bounded.mechanism == "gradient":
        ceiling = _LOOSE * max(p.gradient_norm_squared for p in m.points)
        rows = exact_scan(landscape, [points(r) for r in starts])
        return all(full <= ceiling for _, _, full, _ in rows if math.isfinite(full))
    ceiling = _LOOSE * bounded.bound
    reached = _downhill(landscape, points, starts, far, ceiling, cost)
    return all(s <= ceiling for s in reached if not math.isnan(s))


def _downhill(
    landscape: Landscape, points: PointOf, starts: Sequence[float], edges: Sequence[float], enough: float, cost: Cost
) -> list[float]:
    """Follow s* downhill in each bin until it is at most `enough`; return what is reached, NaN where something is not finite.

    A scan stops at a level relative to what it first saw, which far out may lie many powers above what it could reach. No start
    leaves its bin: further in, what grows is lower.
    """
    here = list(starts)
    best = _temperatures(landscape, points, here)
    steps = [_FIRST_STEP * r for r in here]
    for _ in range(_STEPS):
        active = [i for i, s in enumerate(best) if enough < s < math.inf and steps[i] > 1e-16 * here[i]]
        if not active:
            break
        tried = [min(max(here[i] + side * steps[i], edges[i]), edges[i + 1]) for i in active for side in (-1, 1)]
        found = _temperatures(landscape, points, tried)
        cost.num_gradients += len(tried)
        for k, i in enumerate(active):
            place = min((2 * k, 2 * k + 1), key=lambda j: math.inf if math.isnan(found[j]) else found[j])
            lower = found[place] < best[i]
            steps[i] *= 2 if lower else 0.5
            if lower:
                here[i], best[i] = tried[place], found[place]
    return best


def _temperatures(landscape: Landscape, points: PointOf, radii: Sequence[float]) -> list[float]:
    rows = exact_scan(landscape, [points(r) for r in radii])
    pairs = [(full, laplacian + landscape.decay_laplacian) for _, _, full, laplacian in rows]
    return [critical_temperature(*pair) if all(map(math.isfinite, pair)) else math.nan for pair in pairs]
