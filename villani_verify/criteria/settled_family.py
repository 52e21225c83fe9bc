"""From a family that breaks differential growth at some temperatures to one that breaks it at every one.

With something switched off, L does not change along a family, and s* tends to a constant: the squared gradient of what is switched
off against its curvature. Descend to a stationary point of L first, and that constant is nearly zero; s* then falls, like r^{2−2k}
where the curvature grows like r^{2k}, until what is left of the gradient shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from villani_verify.criteria.budget import Budget
from villani_verify.criteria.measured_family import measure_family
from villani_verify.criteria.profiles import reference_radius
from villani_verify.criteria.refutation import Refutation, refutation
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.probes import derive_seed
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.points import norm
from villani_verify.search.draw import freest_scaling
from villani_verify.search.families import Scaling, parameters_at
from villani_verify.search.scan import log_spaced

# Radii at which s* is looked at first, two a decade, and how many of these steps make up the measured range.
_PER_DECADE = 2
_STEPS = 3


def settled_family(
    landscape: Landscape, refuting: Sequence[Refutation], budget: Budget, settings: Settings, label: str, cost: Cost
) -> Refutation | None:
    """Return the first family from a stationary point of L along which s* falls, if there is one.

    Args:
        landscape: gives F.
        refuting: what was found so far; what these switch off is tried, each once.
        budget: `settled_families`, `settling_steps`, `family_reach`, `family_radii`, probes and level.
        settings: seed, engine, temperatures and progress.
        label: names this use of the probes.
        cost: what is spent is added here.
    """
    if any(bounded.every_temperature for _, bounded in refuting):
        return None
    tried = list(dict.fromkeys(f.zeroed for m, _ in refuting if isinstance(f := m.family, Scaling) and f.zeroed))
    for i, zeroed in enumerate(tried[: budget.settled_families]):
        settings.progress("uniform growth: from stationary points", i, min(len(tried), budget.settled_families))
        seed = derive_seed(settings.seed, f"{label} symmetries")
        family = freest_scaling(landscape, zeroed, settled=budget.settling_steps, seed=seed)
        if family is None:
            continue
        try:
            parameters = _falling_decade(landscape, family, budget, settings, f"{label} settle {i}", cost)
        except RequestError:
            continue  # The descent left the finite numbers.
        cost.num_gradients += 2 * budget.settling_steps
        if not parameters:
            continue
        # The probes with which the range was chosen do not count.
        found = refutation(landscape, family, parameters, budget, settings, f"{label} settled {i}", cost)
        if found is not None and found[1].every_temperature:
            return found
    return None


def _falling_decade(
    landscape: Landscape, family: Scaling, budget: Budget, settings: Settings, label: str, cost: Cost
) -> list[float] | None:
    """Return parameters over the decade and a half at whose end s* has fallen furthest, as a few probes see it."""
    first = 2 * norm(family.base(landscape))
    low, high = parameters_at(landscape, family, [first, reference_radius(landscape) * budget.family_reach])
    if low is None or high is None or high <= low:
        return None
    count = max(_STEPS + 1, round(_PER_DECADE * math.log10(high / low)) + 1)
    radii = log_spaced(low, high, count)
    m = measure_family(
        landscape, family, radii, settings=settings, budget=budget, num_probes=budget.screening_probes, label=label, cost=cost
    )
    falls = [
        (after.critical_temperature / before.critical_temperature, i + _STEPS)
        for i, (before, after) in enumerate(zip(m.points, m.points[_STEPS:], strict=False))
        if 0 < before.critical_temperature < math.inf and 0 <= after.critical_temperature < math.inf
    ]
    if not falls:
        return None
    fall, end = min(falls)
    return log_spaced(radii[end - _STEPS], radii[end], 2 * budget.family_radii) if fall < 1 else None
