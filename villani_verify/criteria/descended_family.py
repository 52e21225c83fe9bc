"""A family of points found one by one, by descent on s* in shells of radius: for small landscapes.

Two ranges of radius are searched, each more than a decade wide, a hundredfold apart. The lowest level that s* reaches in every
shell of a range must not grow from the first to the second faster than r^0.25, as for any family; then points at that level in the
outer range are measured like those of any other family.
"""

from __future__ import annotations

import math

from villani_verify.criteria.bounded import LARGEST_BOUNDED_EXPONENT
from villani_verify.criteria.budget import Budget
from villani_verify.criteria.profiles import reference_radius
from villani_verify.criteria.refutation import Refutation, refutation
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.probes import derive_seed
from villani_verify.landscape import Landscape
from villani_verify.search.listed import listed
from villani_verify.search.scan import log_spaced
from villani_verify.search.shells import Descents, descend_in_shells

# Inner ends of the two ranges, in radii of the reference point.
_INNER, _OUTER = 10.0, 1000.0
# A range is so much more than a decade that points anywhere in its first and last shell are a decade apart.
_SHELLS, _SPAN = 11, 18.0
# s* counts as zero below this fraction of what it is at the starts.
_NOTHING = 1e-9


def descended_family(landscape: Landscape, budget: Budget, settings: Settings, label: str, cost: Cost) -> Refutation | None:
    """Return a family along which s* does not grow, found by descent, or None if there is none to be seen.

    Args:
        landscape: of a dimension at which the budget scans.
        budget: `descent_starts`, `level`.
        settings: seed, temperatures and progress.
        label: names this use of the seed.
        cost: what is spent is added here.
    """
    seed = derive_seed(settings.seed, f"{label} shells")
    unit = reference_radius(landscape)
    ranges = [[unit * r for r in log_spaced(low, _SPAN * low, _SHELLS + 1)] for low in (_INNER, _OUTER)]
    inner = descend_in_shells(landscape, ranges[0], starts=budget.descent_starts, seed=seed)
    outer = inner and descend_in_shells(landscape, ranges[1], starts=budget.descent_starts, seed=seed, before=inner)
    if inner is None or outer is None:
        return None
    cost.num_gradients += sum(d.temperatures.numel() for d in (inner, outer))
    level, nothing = _level(inner), _NOTHING * _typical(inner)
    if outer.ceiling <= level < math.inf:
        # Descents must not have got lower further out only because they were led there: from there they are led back.
        again = descend_in_shells(landscape, ranges[0], starts=budget.descent_starts, seed=seed, before=outer)
        level = min(level, _level(again)) if again is not None else level
    if not outer.ceiling <= level < math.inf:
        return None
    family = listed(outer.below(max(outer.ceiling, nothing)))
    return refutation(landscape, family, family.radii, budget, settings, label, cost)


def _level(inner: Descents) -> float:
    """Return what s* may be in the outer range, if it is not to grow faster than any family that counts as bounded."""
    return max(inner.ceiling, _NOTHING * _typical(inner)) * (_OUTER / _INNER) ** LARGEST_BOUNDED_EXPONENT


def _typical(descents: Descents) -> float:
    finite = descents.temperatures[descents.temperatures < math.inf]
    return float(finite.median()) if len(finite) else math.inf
