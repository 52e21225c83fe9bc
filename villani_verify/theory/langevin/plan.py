"""What a study is to do, with everything checked before any step is taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.theory.langevin.settings import STARTS
from villani_verify.theory.langevin.sgld import check_batch
from villani_verify.theory.langevin.stability import Curvature, check_step_size, curvature_at_start
from villani_verify.verification import check_temperatures

FEWEST_CHAINS_AT_ALL = 4
FEWEST_RECORDS = 100
MOST_RECORDS = 10_000
"""Longer runs are recorded every second, third, … step, so that records stay small."""
BURN_IN = 0.25
LARGEST_MIXED_START = 1000
"""Up to this dimension half of the chains start from the Gaussian; the chains of larger ones seldom come near it from there."""


@dataclass(frozen=True)
class Plan:
    """The grid and what follows from it.

    Attributes:
        grid: F with each λ.
        curvatures: of each at θ₀.
        burn_in: steps.
        record_every: steps.
        start: of the chains.
    """

    grid: tuple[Landscape, ...]
    curvatures: tuple[Curvature, ...]
    burn_in: int
    record_every: int
    start: str


def planned(
    landscape: Landscape,
    *,
    weight_decays: Sequence[float],
    temperatures: Sequence[float],
    step_size: float | None,
    chains: int,
    steps: int,
    seed: int,
    burn_in: int | None,
    batch: int | None,
    start: str | None,
) -> Plan:
    """Check the arguments of `study`, and return what follows from them.

    Raises:
        RequestError: as `study` does.
        LandscapeError: likewise.
    """
    check_temperatures(temperatures)
    left_out = round(BURN_IN * steps) if burn_in is None else burn_in
    record_every = max(1, -(-steps // MOST_RECORDS))
    _check_counts(chains, steps, left_out, record_every)
    if batch is not None:
        check_batch(landscape, batch)
    grid = tuple(landscape.with_decay(_positive(lam)) for lam in weight_decays) or (landscape,)
    for each in grid:
        check_normalisable(each)
    chosen = _start_for(grid, start)
    landscape.check()
    # More than one cell share their λ over all parameters, so that the others only move the first.
    first = curvature_at_start(grid[0], seed=seed)
    curvatures = tuple(first.moved(each.smallest_decay - grid[0].smallest_decay) for each in grid)
    if step_size is not None:
        for curvature in curvatures:
            check_step_size(step_size, curvature)
    return Plan(grid, curvatures, left_out, record_every, chosen)


def check_normalisable(landscape: Landscape) -> None:
    """Raise RequestError where ∫ exp(−2F/s) dθ is not known to be finite.

    As L ≥ 0 a decay on every parameter makes the integral at most that of a Gaussian. Without it only what the zoo knows counts.
    """
    if landscape.undecayed and landscape.expected.get("gaussian_tails") != "supported":
        raise RequestError(
            f"weight decay 0 of parameter {landscape.undecayed[0]!r} in landscape {landscape.name!r}: exp(−2F/s) need not be "
            "integrable, so there may be nothing to converge to; give every parameter a --weight-decay above 0"
        )


def _positive(weight_decay: float) -> float:
    if not (math.isfinite(weight_decay) and weight_decay > 0):
        raise RequestError(
            f"weight decay {weight_decay}: exp(−2F/s) need not be integrable; give a finite number above 0, such as 0.1"
        )
    return weight_decay


def _check_counts(chains: int, steps: int, burn_in: int, record_every: int) -> None:
    if chains < FEWEST_CHAINS_AT_ALL:
        raise RequestError(
            f"chains {chains}: two choose the observable and two give the interval, so at least {FEWEST_CHAINS_AT_ALL} are needed; "
            "give 20"
        )
    if burn_in < 0:
        raise RequestError(f"burn-in {burn_in}: it is negative; give a number of steps from 0")
    kept = steps - burn_in
    if kept < FEWEST_RECORDS * record_every:
        raise RequestError(
            f"steps {steps}: {max(kept, 0)} are left after a burn-in of {burn_in}, too few for an autocorrelation; give at least "
            f"{burn_in + FEWEST_RECORDS * record_every}, and 6000 for most landscapes"
        )


def _start_for(grid: Sequence[Landscape], start: str | None) -> str:
    decayed = all(not each.undecayed for each in grid)
    if start is None:
        return "mixed" if decayed and grid[0].dimension <= LARGEST_MIXED_START else "reference"
    if start not in STARTS:
        raise RequestError(f"start {start!r}: unknown; choose one of {', '.join(STARTS)}")
    if start != "reference" and not decayed:
        raise RequestError(f"start {start!r}: a parameter has no weight decay, so there is no Gaussian to draw from; use reference")
    return start
