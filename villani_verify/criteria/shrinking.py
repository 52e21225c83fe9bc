"""Reduce a refuting family to something a person can read: fewer tensors, smaller exponents, rounder numbers.

Greedy, as test-case reduction is: leave one thing out, measure again, keep what still refutes as strongly. Nothing is simplified on
the strength of old probes; each trial has its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from villani_verify.criteria.bounded import BoundedFamily
from villani_verify.criteria.budget import Budget
from villani_verify.criteria.refutation import Refutation, persists, refutation
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.landscape import Landscape
from villani_verify.search.families import Scaling, parameters_at

# A simpler family may have a bound so many times as large.
_WEAKER = 4.0


def shrunk(
    landscape: Landscape, found: Refutation, budget: Budget, settings: Settings, label: str, cost: Cost
) -> Refutation | None:
    """Return a simpler family that refutes the same, at round parameters; None if none was found within `shrinking_trials`.

    Args:
        landscape: gives F.
        found: a scaling; other families have nothing to leave out.
        budget: `shrinking_trials`, `family_probes`, `level`.
        settings: seed, engine, temperatures and progress.
        label: names this use of the probes.
        cost: what is spent is added here.
    """
    best: Refutation | None = None
    family = found[0].family
    if not isinstance(family, Scaling):
        return None
    ends = found[0].points[0].radius, found[0].points[-1].radius
    untried, seen = list(simpler(family)), {str(family.as_dict())}
    for trial in range(budget.shrinking_trials):
        # The family itself comes first, at round parameters.
        candidate = family if trial == 0 else next((f for f in untried if str(f.as_dict()) not in seen), None)
        if candidate is None:
            break
        seen.add(str(candidate.as_dict()))
        settings.progress("uniform growth: simplify the counterexample", trial, budget.shrinking_trials)
        parameters = _round_parameters(landscape, candidate, ends)
        if not parameters:
            continue
        again = refutation(landscape, candidate, parameters, budget, settings, f"{label} {trial}", cost)
        if again is not None and _as_strong(again[1], found[1]) and persists(landscape, *again, budget, cost):
            best = again
            untried = list(simpler(candidate))
    return best


def simpler(family: Scaling) -> Iterator[Scaling]:
    """Yield scalings with one thing less: a tensor not scaled, one not switched off, an exponent made 1 or −1."""
    if len(family.exponents) > 1:
        for name in family.exponents:
            rest = {n: a for n, a in family.exponents.items() if n != name}
            if max(rest.values()) > 0:
                yield replace(family, exponents=rest)
    for name in family.zeroed:
        yield replace(family, zeroed=tuple(n for n in family.zeroed if n != name))
    large = [n for n, a in family.exponents.items() if abs(a) > 1]
    for names in [large, *([n] for n in large if len(large) > 1)]:
        if names:
            yield replace(family, exponents={n: int(math.copysign(1, a)) if n in names else a for n, a in family.exponents.items()})


def _as_strong(bounded: BoundedFamily, than: BoundedFamily) -> bool:
    if bounded.mechanism != than.mechanism or bounded.every_temperature < than.every_temperature:
        return False
    return than.every_temperature or bounded.bound <= _WEAKER * than.bound


def _round_parameters(landscape: Landscape, family: Scaling, ends: tuple[float, float]) -> list[float]:
    """Return numbers such as 1000, 2000, 5000, … over a decade of radius or more from near the inner end, if there are any."""
    low, high = parameters_at(landscape, family, ends)
    if low is None or high is None:
        return []
    first = 10.0 ** round(math.log10(low))
    digits = (1.0, 2.0, 5.0) if max(family.exponents.values()) == 1 else (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
    numbers = [first * 10**k * digit for k in range(12) for digit in digits]
    kept: list[float] = []
    for number in numbers:
        kept.append(number)
        if len(kept) >= 4 and family.radius(landscape, number) >= 10 * family.radius(landscape, kept[0]):
            return kept
    return []
