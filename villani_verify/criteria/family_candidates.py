"""Candidates for the uniform criterion: families drawn, screened by losses and gradients, and ranked by a few probes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from villani_verify.criteria.budget import Budget
from villani_verify.criteria.measured_family import measure_family
from villani_verify.criteria.profiles import reference_radius
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.gradient import gradient_norms_squared
from villani_verify.curvature.probes import derive_seed
from villani_verify.errors import RequestError
from villani_verify.estimation.psi import PointMeasurement
from villani_verify.landscape import Landscape
from villani_verify.points import squared_norm
from villani_verify.search.draw import draw_families, draw_symmetric, switches_off_one_block
from villani_verify.search.families import Drawn, Scaling, parameters_at

# The ends of a family are a little more than a decade apart.
_SPAN = 10.5
# Exponent of ‖∇L‖² in the radius from which on a gradient counts as growing; along a symmetry of one scaled tensor it is 2.
_STEEP_GRADIENT = 1.0
# A ΔF that is to outgrow the decay's constant share is this many times as large at the outer end.
_OUTGROWN = 10.0
# Standard errors from which on an excess seen with a few probes is worth the full number.
_CLEAR = 2.0


@dataclass(frozen=True)
class Candidate:
    """A family worth measuring.

    Attributes:
        family: where.
        low: its parameter at the inner end.
        high: its parameter at the outer end.
        loss_change: change of L between the ends, relative to 1 + L at the inner one.
        loss: L at the outer end.
        decay: the decay's value there.
    """

    family: Drawn
    low: float
    high: float
    loss_change: float
    loss: float
    decay: float


def screened_candidates(landscape: Landscape, budget: Budget, settings: Settings, label: str, cost: Cost) -> list[Candidate]:
    """Draw families and order them by how little the decay, and then the loss, grows over their decade.

    Args:
        landscape: gives L and the decay.
        budget: `family_draws`, `family_symmetries`, `family_rays`, `family_reach`.
        settings: seed and progress.
        label: names this use of the seed.
        cost: what is spent is added here.
    """
    norms = {n: squared_norm(t) for n, t in landscape.initial.items()}
    outer = reference_radius(landscape) * budget.family_reach
    seen: set[str] = set()
    found: list[Candidate] = []
    seed = derive_seed(settings.seed, label)
    families = chain(
        draw_symmetric(landscape, budget.family_symmetries, seed=seed),
        draw_families(landscape, budget.family_draws, seed=seed, rays=budget.family_rays),
    )
    for i, family in enumerate(families):
        settings.progress("uniform growth: screen families", i, budget.family_draws)
        if str(family.as_dict()) in seen:
            continue
        seen.add(str(family.as_dict()))
        low, high = parameters_at(landscape, family, [outer / _SPAN, outer], squared_norms=norms)
        if high is None or low is None:
            continue  # The parameters do not grow along it.
        try:
            points = family.points(landscape)
            first, last = landscape.loss(points(low)), landscape.loss(points(high))
        except RequestError:
            continue  # The gradient vanishes at the reference point, say.
        cost.num_losses += 2
        if math.isfinite(first) and math.isfinite(last):
            change = abs(last - first) / (1 + abs(first))
            found.append(Candidate(family, low, high, change, last, landscape.decay_value(points(high))))
    # First those that escape the decay (all end at one radius), then those that leave the loss alone. Among these, a
    # counterexample beside a working model says more than one beside a dead one: first those that switch off one block
    # of several, then those on which the loss is low.
    found.sort(
        key=lambda c: (
            round(math.log10(c.decay + 1e-300), 1),
            round(c.loss_change, 6),
            not switches_off_one_block(c.family),
            round(c.loss, 6),
        )
    )
    # Where the loss does not change at all, families along which its gradient grows go first: what multiplies the switched-off
    # tensor then grows, and the curvature in it like the square. Among them, one family for each way of switching something off
    # goes ahead of a second one.
    times: dict[tuple[str, bool], int] = {}
    turns = []
    for place, c in enumerate(found):
        settings.progress("uniform growth: screen gradients", place, len(found))
        changes = round(c.loss_change, 6) > 0
        grows = not changes and gradient_growth(landscape, c, cost) > _STEEP_GRADIENT
        key = str(c.family.zeroed) if isinstance(c.family, Scaling) else c.family.label
        times[key, grows] = times.get((key, grows), 0) + 1
        order = (round(math.log10(c.decay + 1e-300), 1), changes, not grows, 0 if changes else times[key, grows], place)
        turns.append((order, c))
    return [c for _, c in sorted(turns, key=lambda turn: turn[0])]


def ranked_candidates(
    landscape: Landscape, candidates: Sequence[Candidate], budget: Budget, settings: Settings, label: str, cost: Cost
) -> Sequence[Candidate]:
    """Order candidates by what a few probes say of them, where that is worth its cost, and keep as many as can be measured.

    Args:
        landscape: gives F.
        candidates: in the order in which they are kept where no probes are spent.
        budget: `family_candidates`, `family_reserves`, `family_shortlist`, `screening_probes`, and whether it scans.
        settings: seed, engine and progress.
        label: names this use of the probes; another label draws fresh ones.
        cost: what is spent is added here.
    """
    kept = budget.family_candidates + budget.family_reserves
    if budget.scans(landscape.dimension) or not budget.screening_probes:
        return candidates[:kept]
    shortlist = candidates[: budget.family_shortlist or kept]

    def probed() -> _Probed:
        for i, c in enumerate(shortlist):
            settings.progress("uniform growth: rank families", i, len(shortlist))
            ends = [c.high] if budget.family_shortlist else [c.low, c.high]
            m = measure_family(
                landscape, c.family, ends, settings=settings, budget=budget, num_probes=budget.screening_probes,
                label=f"{label} rank {i}", cost=cost,
            )  # fmt: skip
            yield c, m.points

    if budget.family_shortlist:
        return _by_curvature(probed(), landscape.decay_laplacian)[:kept]
    return _by_growth(probed())


_Probed = Iterable[tuple[Candidate, tuple[PointMeasurement, ...]]]


def _by_growth(probed: _Probed) -> list[Candidate]:
    """Order candidates by the growth of s* between their two ends."""
    scored = []
    for i, (c, points) in enumerate(probed):
        if len(points) == 2:
            first, last = (p.critical_temperature for p in points)
            scored.append((last / first if 0 < first < math.inf else math.inf, i, c))
    return [c for _, _, c in sorted(scored, key=lambda row: row[:2])]


def _by_curvature(probed: _Probed, decay_laplacian: float) -> list[Candidate]:
    """Put first the candidates whose ΔF at the outer end clearly exceeds ten times what the decay gives.

    s* cannot stay bounded where only the decay curves. Among the clear ones those that switch off one block of several go first,
    then those of the least s*; all ends are at one radius, so that these compare. The others follow by how many standard errors
    they are above that.
    """
    scored = []
    for i, (c, points) in enumerate(probed):
        for p in points:
            excess = p.laplacian.value - _OUTGROWN * decay_laplacian
            errors = excess / p.laplacian.standard_error if p.laplacian.standard_error else math.copysign(math.inf, excess)
            if errors > _CLEAR:
                scored.append(((0, not switches_off_one_block(c.family), p.critical_temperature, i), c))
            else:
                scored.append(((1, False, -errors, i), c))
    return [c for _, c in sorted(scored, key=lambda row: row[0])]


def gradient_growth(landscape: Landscape, candidate: Candidate, cost: Cost) -> float:
    """Return the exponent of ‖∇L‖² in the radius between the ends of a family."""
    points = candidate.family.points(landscape)
    cost.num_gradients += 2
    _, first, _ = gradient_norms_squared(landscape, points(candidate.low))
    _, last, _ = gradient_norms_squared(landscape, points(candidate.high))
    if not (0 < first < math.inf and 0 < last < math.inf):
        return 0.0
    return math.log(last / first) / math.log(_SPAN)
