"""Smoothness: F ∈ C^∞, checked by Taylor expansions of L along lines.

The decay is a polynomial, so F is as smooth as L. Along each line L is expanded to order k at the points of a grid. Where L is
smooth, the expansions at both ends of an interval of length h agree to O(h^{k+1−i}) in derivative i; the intervals that
agree worst are halved until only rounding is left, or until a flaw has been isolated: a derivative that jumps, a derivative that
grows without bound, or values that jump everywhere because a part is computed in a lower precision.

What no search of this kind sees: features narrower than the grid's spacing that it never comes near, and flaws smaller than
about 1e-12 of the terms around them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from villani_verify.criteria.budget import Budget
from villani_verify.criteria.result import Cost, CriterionResult, Status
from villani_verify.criteria.settings import Settings
from villani_verify.criteria.smooth_line import Line, line, widened
from villani_verify.criteria.smooth_witness import flaw_witness, replay_kink, rounding_witness
from villani_verify.curvature.probes import derive_seed
from villani_verify.estimation.remainder import Expansion, RemainderFit, fit_remainders
from villani_verify.estimation.zoom import GROWTH, ROUNDINGS, Chain, Flaw, Frame, find_flaw, looks_smooth, rounding_level, zoom
from villani_verify.landscape import Landscape

__all__ = ["replay_kink", "smoothness"]

NAME = "smoothness"
CLAIM = "F ∈ C^∞"
# The mismatches of the two highest orders fall too slowly to be judged, so order 6 judges derivatives 0 to 4.
LEAST_ORDER = 6
# The grid is moved by this part of its spacing, so that it never falls on a round number, where kinks like to be.
OFFSET = 0.381966
# Expansions that confirm a flaw.
REPLAY_JETS = {"jump": 6, "blow-up": 1 + 2 * GROWTH}
# Points at which rounding is measured, and lengths of step for the remainder's slopes.
ROUNDING_POINTS = 3
STEPS_PER_DECADE = 4


@dataclass(frozen=True)
class _Outcome:
    """What one line showed."""

    status: Status
    frame: Frame
    grid: list[Expansion]
    chain: Chain | None
    flaw: Flaw | None
    witness: dict[str, Any] | None
    reason: str


def smoothness(landscape: Landscape, budget: Budget, settings: Settings) -> CriterionResult:
    """Look for points at which a derivative of L breaks, along drawn lines through θ₀ and the origin.

    Everything is computed in float64 where the device has it. A landscape declared in a lower precision is judged as the
    function it computes in exact arithmetic: casts to its own dtype are left out. A landscape declared float64 that computes a part
    of itself in float32 is a step function, and refuted.

    Args:
        landscape: gives L.
        budget: `smooth_rays`, `smooth_intervals`, `derivative_order`, `level`.
        settings: seed and progress.

    Returns:
        The result; its statistic is the fitted slope of the Taylor remainder after the highest order that could be fitted,
        about the flaw if there is one.
    """
    cost = Cost()
    order = max(budget.derivative_order, LEAST_ORDER)
    seed = derive_seed(settings.seed, NAME)
    inner = widened(landscape)
    shown: tuple[Line, _Outcome] | None = None
    unclear = ""
    for index in range(budget.smooth_rays):
        settings.progress("smoothness: lines", index, budget.smooth_rays)
        where = line(inner, landscape.dtype, seed=seed, index=index, cost=cost)
        outcome = _examine(landscape, where, budget, order, seed)
        if outcome.status is Status.REFUTED:
            return _result(Status.REFUTED, where, outcome, budget, order, index + 1)
        if outcome.status is Status.INCONCLUSIVE:
            unclear = unclear or outcome.reason
        if shown is None or (shown[1].chain is None and outcome.chain is not None):
            shown = where, outcome
    assert shown is not None  # a budget has at least one line
    status = Status.INCONCLUSIVE if unclear else Status.SUPPORTED
    where, outcome = shown
    return _result(status, where, outcome, budget, order, budget.smooth_rays, unclear)


def _examine(landscape: Landscape, where: Line, budget: Budget, order: int, seed: int) -> _Outcome:
    count = budget.smooth_intervals
    expand = where.expand(order)
    spacing = 2 * where.half_length / count
    points = [expand(-where.half_length + (i - OFFSET) * spacing) for i in range(count + 2)]
    grid = [p for p in points if p.finite]
    frame = Frame.of(grid, reach=where.half_length, eps=where.eps)
    pairs = [(a, b) for a, b in itertools.pairwise(points) if a.finite and b.finite]
    if not pairs:
        reason = "L or its derivatives are not finite on a drawn line; scale the parameters down."
        return _Outcome(Status.INCONCLUSIVE, frame, grid, None, None, None, reason)
    probed = grid[:: max(1, len(grid) // ROUNDING_POINTS)][:ROUNDING_POINTS]
    level = rounding_level(where.value, probed, frame)
    if level is not None:
        witness = rounding_witness(where, [p.at for p in probed], level, frame, seed=seed, order=order)
        return _Outcome(Status.REFUTED, frame, grid, None, None, witness, witness["sentence"])
    chains = zoom(expand, [frame.interval(a, b) for a, b in pairs], frame, settled=budget.settled_halvings)
    return _judge_chains(landscape, where, chains, frame, grid, order, seed)


def _judge_chains(
    landscape: Landscape, where: Line, chains: tuple[Chain, ...], frame: Frame, grid: list[Expansion], order: int, seed: int
) -> _Outcome:
    flaws = [(flaw, chain) for chain in chains if (flaw := find_flaw(chain)) is not None]
    for flaw, chain in sorted(flaws, key=lambda pair: pair[0].order):
        witness = flaw_witness(where, flaw, frame, seed=seed, order=order)
        where.cost.num_jets += REPLAY_JETS[flaw.kind]
        if replay_kink(landscape, witness).reproduced:
            return _Outcome(Status.REFUTED, frame, grid, chain, flaw, witness, witness["sentence"])
    if flaws:
        flaw, chain = flaws[0]
        sentence = flaw_witness(where, flaw, frame, seed=seed, order=order)["sentence"]
        reason = f"{sentence} It was not seen again at fresh points; more lines would decide."
        return _Outcome(Status.INCONCLUSIVE, frame, grid, chain, flaw, None, reason)
    for chain in chains:
        if not looks_smooth(chain):
            place = chain.levels[-1].kept.left.at
            reason = f"Expansions near t = {place:.6g} agree too slowly to be called smooth; more lines would decide."
            return _Outcome(Status.INCONCLUSIVE, frame, grid, chain, None, None, reason)
    return _Outcome(Status.SUPPORTED, frame, grid, chains[0], None, None, "")


def _remainders(where: Line, outcome: _Outcome, order: int, budget: Budget) -> list[RemainderFit]:
    """Fit the remainder's slopes across the flaw, or beside the grid point in the middle of the line."""
    flaw, frame = outcome.flaw, outcome.frame
    if flaw is not None:
        start = where.expand(order)(flaw.left - 3 * (flaw.right - flaw.left))
    elif outcome.grid:
        start = outcome.grid[len(outcome.grid) // 2]
    else:
        return []
    size = max(frame.magnitude, abs(start.coefficients[0]))
    longest = min(start.feature(size) / 4, where.half_length / 4)
    steps = [longest * 10 ** (-s / STEPS_PER_DECADE) for s in range(STEPS_PER_DECADE * budget.remainder_decades)]
    floor = 0.1 * ROUNDINGS * frame.eps * (abs(start.coefficients[0]) + abs(start.coefficients[1]) * frame.reach)
    return fit_remainders(start, where.value, steps, floor=floor, level=budget.level)


def _result(
    status: Status, where: Line, outcome: _Outcome, budget: Budget, order: int, lines: int, unclear: str = ""
) -> CriterionResult:
    fits = _remainders(where, outcome, order, budget)
    fitted = [f for f in fits if f.slope is not None]
    low = [f for f in fitted if f.order <= 1 and f.interval is not None and f.interval[1] < f.order + 0.5]
    if status is Status.SUPPORTED and low:
        # Autograd may give a derivative that is not the values': a detached or rounded part, a custom backward pass.
        status = Status.INCONCLUSIVE
        unclear = (
            f"The remainder after order {low[0].order} falls like h^{low[0].slope:.2f}: the derivatives of the loss do not "
            "belong to its values; remove what is detached or has a backward pass of its own."
        )
    last = fitted[-1] if fitted else None
    sentence = {
        Status.SUPPORTED: _supported_sentence(lines, order - 2, last),
        Status.REFUTED: outcome.reason,
        Status.INCONCLUSIVE: unclear,
    }[status]
    return CriterionResult(
        name=NAME, status=status, claim=CLAIM, summary=sentence + _dtype_note(where),
        statistic_name="slope of the Taylor remainder after order " + (f"{last.order}" if last else f"{order}"),
        statistic=None if last is None else last.slope, interval=None if last is None else last.interval, level=budget.level,
        evidence=_evidence(where, outcome, fits, order, lines), witness=outcome.witness if status is Status.REFUTED else None,
        cost=where.cost.stop(),
    )  # fmt: skip


def _supported_sentence(lines: int, checked: int, last: RemainderFit | None) -> str:
    where = "1 line" if lines == 1 else f"{lines} lines"
    sentence = f"On {where} derivatives 0 to {checked} of L agreed from point to point down to rounding"
    if last is None:
        return sentence + "."
    return f"{sentence}; the remainder after order {last.order} falls like h^{last.slope:.2f} (smooth: at least {last.order + 1})."


def _evidence(where: Line, outcome: _Outcome, fits: list[RemainderFit], order: int, lines: int) -> dict[str, Any]:
    levels = [] if outcome.chain is None else [level.kept for level in outcome.chain.levels]
    return {
        "orders_checked": order - 2,
        "lines": lines,
        "method": "nested reverse" if where.notes else "taylor",
        "notes": sorted(where.notes),
        "flaw": None if outcome.witness is None else outcome.witness["flaw"],
        "remainder": [
            {
                "order": f.order, "step": list(f.steps), "remainder": list(map(_json_number, f.remainders)), "slope": f.slope,
                "interval": None if f.interval is None else list(f.interval),
            }
            for f in fits
        ],
        "mismatch": [
            {"order": i, "step": [v.length for v in levels], "mismatch": [_json_number(v.mismatch.size[i]) for v in levels]}
            for i in range(order + 1 if levels else 0)
        ],
    }  # fmt: skip


def _dtype_note(where: Line) -> str:
    if where.declared == where.landscape.dtype:
        return ""
    declared = str(where.declared).removeprefix("torch.")
    return f" Judged in float64, as the function that the {declared} landscape computes in exact arithmetic."


def _json_number(x: float) -> float | None:
    return x if math.isfinite(x) else None
