"""Uniform differential growth, Villani's condition: the infimum of Ψ_s over ‖θ‖ = r tends to infinity with r.

One family of points with growing norm along which Ψ_s stays bounded refutes it. Families are drawn from names,
shapes and small integers, screened by how little F grows along them (a function that does not change while the
parameters grow is where curvature can outgrow the gradient), ranked by a few probes, measured
fully, and what looks like a counterexample is measured once more with fresh probes. On small landscapes, where no drawn
family refutes, descent looks for low points of s* that lie on none. Larger budgets then look for a family that breaks it at every
temperature, from a stationary point of the loss.
"""

from __future__ import annotations

import math
from typing import Any

from villani_verify.criteria.bounded import LARGEST_BOUNDED_EXPONENT, bounded_family, growth_of, last_decade
from villani_verify.criteria.budget import Budget
from villani_verify.criteria.descended_family import descended_family
from villani_verify.criteria.family_candidates import Candidate, ranked_candidates, screened_candidates
from villani_verify.criteria.measured_family import (
    MeasuredFamily,
    bounded_sentence,
    family_as_dict,
    family_witness,
    loss_sentence,
    measure_family,
    worst_parameters,
)
from villani_verify.criteria.refutation import Refutation, persists
from villani_verify.criteria.result import Cost, CriterionResult, Status
from villani_verify.criteria.settings import Settings, temperatures_in_words
from villani_verify.criteria.settled_family import settled_family
from villani_verify.criteria.shrinking import shrunk
from villani_verify.estimation.critical_growth import critical_temperature_growth
from villani_verify.estimation.growth import GrowthFit
from villani_verify.landscape import Landscape
from villani_verify.search.draw import switches_off_one_block
from villani_verify.search.families import Family
from villani_verify.search.scan import log_spaced

NAME = "differential_growth_uniform"
# Standard errors above zero below which four times the probes would still not tell a Laplacian's sign.
_HOPEFUL = 1.5
# Once something refutes, more families only choose the clearest among those that do.
_ENOUGH = 6


def claim(temperatures: tuple[float, ...]) -> str:
    """Return the claim for these temperatures, or for every s > 0 where there are none."""
    return f"inf over ‖θ‖ = r of Ψ_s(θ) → ∞ as r → ∞ (Villani's condition), for {temperatures_in_words(temperatures)}"


def differential_growth_uniform(landscape: Landscape, budget: Budget, settings: Settings) -> CriterionResult:
    """Search structured families for one along which Ψ_s stays bounded or falls.

    Args:
        landscape: gives F.
        budget: all that begins with `family`, `screening_probes`, `scan`, `level`.
        settings: seed, engine, temperatures and progress.

    Returns:
        The result; its statistic is the growth exponent of the upper bound of s* along the worst family.
    """
    cost = Cost()
    candidates = screened_candidates(landscape, budget, settings, NAME, cost)
    ranked = ranked_candidates(landscape, candidates, budget, settings, NAME, cost)
    candidates_alone = min(len(ranked), budget.family_candidates)
    wanted = len(ranked) if budget.scans(landscape.dimension) else max(1, min(_ENOUGH, math.ceil(candidates_alone / 3)))
    measured: list[MeasuredFamily] = []
    refuting: list[Refutation] = []
    undecided: list[MeasuredFamily] = []
    for i, candidate in enumerate(ranked):
        # Reserves stand in for families that could not be decided.
        planned = min(len(ranked), candidates_alone + len(undecided))
        if (i >= wanted and refuting) or i >= planned:
            break
        settings.progress("uniform growth: measure families", i, planned)
        parameters = _parameters(landscape, candidate, budget, cost)
        if budget.family_reserves:
            far = _undecidable(landscape, candidate.family, parameters[-1], budget, settings, i, cost)
            if far is not None:
                undecided.append(far)
                continue
        m = _measure(landscape, candidate.family, parameters, budget, settings, f"{NAME} {i}", cost)
        if not bounded_family(m.points, settings.temperatures, budget.level) and not _suspicious(m, settings, budget):
            measured.append(m)
            continue
        # What looks like a counterexample is measured again with fresh probes, and where it is only the interval that
        # is too wide, with four times as many.
        for more in (4,) if _undetermined(m) else (1, 4):
            m = _measure(landscape, candidate.family, parameters, budget, settings, f"{NAME} confirm {i} {more}", cost, more=more)
            bounded = bounded_family(m.points, settings.temperatures, budget.level)
            if bounded is not None or not _suspicious(m, settings, budget) or landscape.dimension <= budget.exact_dimension:
                break
        if bounded is None:
            measured.append(m)
        elif persists(landscape, m, bounded, budget, cost):
            measured.append(m)
            refuting.append((m, bounded))
        # Constant here but growing further out: it is not what it looked like, and no reason for doubt either.
    further, worst = _further_refutations(landscape, refuting, budget, settings, cost)
    measured += [m for m, _ in further]
    return _judge(measured, [*refuting, *further], worst, undecided, len(candidates), budget, settings, cost)


def _further_refutations(
    landscape: Landscape, refuting: list[Refutation], budget: Budget, settings: Settings, cost: Cost
) -> tuple[list[Refutation], Refutation | None]:
    """Return what other searches add to the counterexamples among drawn families, and of all of them the one to show."""
    further: list[Refutation] = []
    if not refuting and budget.scans(landscape.dimension):
        settings.progress("uniform growth: descend in shells", 0, 1)
        descended = descended_family(landscape, budget, settings, f"{NAME} descended", cost)
        further += [descended] if descended else []
    settled = settled_family(landscape, [*refuting, *further], budget, settings, NAME, cost)
    further += [settled] if settled else []
    worst = _worst([*refuting, *further])
    plain = shrunk(landscape, worst, budget, settings, f"{NAME} shrink", cost) if worst else None
    further += [plain] if plain else []
    return further, plain or worst


def _worst(refuting: list[Refutation]) -> Refutation | None:
    """Return the counterexample to show: stronger before weaker, then beside a working model before beside a dead one."""
    return min(
        refuting,
        key=lambda pair: (
            not pair[1].every_temperature,
            not switches_off_one_block(pair[0].family),
            round(pair[0].points[-1].loss, 2),
            pair[1].bound,
        ),
        default=None,
    )


def _undecidable(
    landscape: Landscape, family: Family, parameter: float, budget: Budget, settings: Settings, place: int, cost: Cost
) -> MeasuredFamily | None:
    """Return the measurement of a family's outer end if ΔF is not found to be positive there.

    s* then has no upper bound, so that the other radii cannot refute anything: all points share their probes. Four times the
    probes halve the standard error; they are tried where that could help.
    """
    for more in (1, 4):
        label = f"{NAME} outer {place} {more}"
        m = _measure(landscape, family, [parameter], budget, settings, label, cost, more=more)
        if not m.points or m.points[0].laplacian.interval()[0] > 0:
            return None
        if m.points[0].laplacian.value <= _HOPEFUL * m.points[0].laplacian.standard_error:
            break
    return m


def _parameters(landscape: Landscape, candidate: Candidate, budget: Budget, cost: Cost) -> list[float]:
    if not budget.scans(landscape.dimension):
        return log_spaced(candidate.low, candidate.high, budget.family_radii)
    # The worst point of the first bin may lie anywhere in it, so more bins keep a full decade.
    edges = log_spaced(candidate.low / 10**0.5, candidate.high, 2 * budget.family_radii)
    return worst_parameters(landscape, candidate.family, edges, budget, cost)


def _measure(
    landscape: Landscape,
    family: Family,
    parameters: list[float],
    budget: Budget,
    settings: Settings,
    label: str,
    cost: Cost,
    *,
    more: int = 1,
) -> MeasuredFamily:
    probes = budget.family_probes * more
    return measure_family(
        landscape, family, parameters, settings=settings, budget=budget, num_probes=probes, label=label, cost=cost
    )


def _judge(
    measured: list[MeasuredFamily],
    refuting: list[Refutation],
    chosen: Refutation | None,
    undecided: list[MeasuredFamily],
    screened: int,
    budget: Budget,
    settings: Settings,
    cost: Cost,
) -> CriterionResult:
    temperatures = settings.temperatures or (1.0,)
    growths = [(g, m) for m in measured if (g := _growth(m)) is not None]
    evidence: dict[str, Any] = {
        "drawn": budget.family_draws,
        "screened": screened,
        "families": [family_as_dict(m, temperatures, budget.level) for m in [*measured, *undecided]],
    }
    name = "growth exponent of s* along the worst family"
    if chosen is not None:
        worst, bounded = chosen
        refuted = {id(m) for m, _ in refuting}
        for m, row in zip([*measured, *undecided], evidence["families"], strict=True):
            row["refutes"] = id(m) in refuted
            row["witness"] = m is worst
        if bounded.mechanism == "gradient":
            name = "growth exponent of ‖∇F‖² along the worst family"
        return CriterionResult(
            name=NAME, status=Status.REFUTED, claim=claim(settings.temperatures),
            summary=f"{worst.family.sentence} Then {bounded_sentence(worst, bounded)}.{loss_sentence(worst)}",
            statistic_name=name, statistic=bounded.fit.exponent, interval=bounded.fit.interval(budget.level), level=budget.level,
            evidence=evidence, witness=family_witness(NAME, worst, bounded, budget.level), cost=cost.stop(),
        )  # fmt: skip
    suspicious = [m for m in measured if _suspicious(m, settings, budget)]
    lowest = min((g for g, _ in growths), key=lambda g: g.exponent, default=None)
    if suspicious or undecided:
        status, summary = Status.INCONCLUSIVE, _doubts(suspicious, undecided, len(measured) + len(undecided))
    elif not measured:
        status, summary = Status.INCONCLUSIVE, "No drawn family could be measured; --dtype float64 or a larger budget would decide."
    else:
        status = Status.SUPPORTED
        slowest = "" if lowest is None else f"; the slowest growth of s* was r^{lowest.exponent:.2f}"
        summary = f"No counterexample in {screened} families screened and {len(measured)} measured{slowest}."
    return CriterionResult(
        name=NAME, status=status, claim=claim(settings.temperatures), summary=summary, statistic_name=name,
        statistic=None if lowest is None else lowest.exponent, interval=None if lowest is None else lowest.interval(budget.level),
        level=budget.level, evidence=evidence, witness=None, cost=cost.stop(),
    )  # fmt: skip


def _doubts(suspicious: list[MeasuredFamily], undecided: list[MeasuredFamily], count: int) -> str:
    sentences = []
    if suspicious:
        sentences.append(
            f"s* seems not to grow along {len(suspicious)} of {count} families ({suspicious[0].family.label}), but that is not "
            "established at this level; more probes and radii (a larger budget) would decide."
        )
    if undecided:
        sentences.append(
            f"At the outer end of {len(undecided)} of {count} families ({undecided[0].family.label}) curvature could not be told "
            "from sampling noise, so that s* may or may not grow there; more probes (a larger budget) would decide."
        )
    return " ".join(sentences)


def _suspicious(m: MeasuredFamily, settings: Settings, budget: Budget) -> bool:
    """Say whether s* itself does not grow along the family, or its lower bound where the sign of ΔF is not known."""
    if _undetermined(m):
        last = last_decade(m.points)
        fit = growth_of(last, [p.critical_temperature_interval(budget.level)[0] for p in last]) if len(last) >= 3 else None
    else:
        fit = _growth(m)
    return fit is not None and fit.exponent <= LARGEST_BOUNDED_EXPONENT and not _is_cold(m, settings, budget)


def _is_cold(m: MeasuredFamily, settings: Settings, budget: Budget) -> bool:
    """Say whether every temperature asked for lies below s* all along the family, where Ψ_s > 0 grows with ‖∇F‖²."""
    lows = [p.critical_temperature_interval(budget.level)[0] for p in last_decade(m.points)]
    return bool(settings.temperatures) and max(settings.temperatures) < min(lows)


def _growth(m: MeasuredFamily) -> GrowthFit | None:
    last = last_decade(m.points)
    finite = len(last) >= 3 and all(p.critical_temperature < math.inf for p in last)
    return critical_temperature_growth([last]) if finite else None


def _undetermined(m: MeasuredFamily) -> bool:
    """Say whether the sign of ΔF is not known somewhere along the family, so that s* has no upper bound."""
    return any(p.laplacian.interval()[0] <= 0 < p.laplacian.interval()[1] for p in last_decade(m.points))
