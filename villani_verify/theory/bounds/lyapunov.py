"""The bound that Villani's criterion is for: Ψ_s large outside of a set makes W = exp(F/s) a Lyapunov function.

With U = 2F/s and W = exp(U/2) the generator Δ − ⟨∇U, ∇⟩ gives

    −(ΔW − ⟨∇U, ∇W⟩)/W = ¼‖∇U‖² − ½ΔU = Ψ_s/s.

If Ψ_s/s ≥ ϑ > 0 outside of a set B and β = sup_B (ϑ − Ψ_s/s)₊, then for every f and the mean c of f over B

    ϑ ∫(f − c)² dμ ≤ ∫ (Ψ_s/s)(f − c)² dμ + β ∫_B (f − c)² dμ ≤ (1 + β κ_B) ∫‖∇f‖² dμ,

where κ_B is the Poincaré constant of μ restricted to B: so C_P ≤ (1 + β κ_B)/ϑ (Bakry, Barthe, Cattiaux and Guillin 2008, with the
supremum over B kept instead of that of the product with W). On a box with reflecting walls the first inequality also needs F not to
fall towards a wall from inside.

For a convex B, κ_B is at most diam(B)²/π² · exp(osc_B U) (Payne and Weinberger 1960 for the uniform measure, then Holley and
Stroock 1987), and at most exp((2/s) osc_B L)/κ, as a Gaussian on a convex set keeps its constant; the smaller one is taken.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from villani_verify.theory.bounds.bound import Bound, Condition, ConditionStatus, Inequality, exponential
from villani_verify.theory.gibbs import Gibbs

Numbers = NDArray[np.float64]

NAME = "lyapunov"
_SOURCE = "Villani (2009), Bakry, Barthe, Cattiaux and Guillin (2008)"
_SHARES = np.linspace(0.02, 1.0, 99)
"""Of the box, the sets B that are tried."""


def lyapunov(gibbs: Gibbs, points: Numbers, losses: Numbers, values: Numbers, psi: Numbers, walls_rise: bool) -> Bound:
    """Return the least (1 + β κ_B)/ϑ over boxes B around the least value of F.

    Args:
        gibbs: gives s and κ.
        points: (n, d) float64, the middles of the cells of a box.
        losses: (n,) L there.
        values: (n,) F there.
        psi: (n,) Ψ_s there.
        walls_rise: whether F rises outwards at all walls of the box.
    """
    where = f"on {len(points):,} points of the box that holds the mass"
    rates = psi / gibbs.temperature
    lowest = points[int(values.argmin())]
    # Boxes between the lowest point and the whole: a point is within the share that it has of the way to the nearest wall.
    lower, upper = points.min(axis=0), points.max(axis=0)
    width = np.where(points < lowest, lowest - lower, upper - lowest)
    reach = (np.abs(points - lowest) / np.maximum(width, 1e-300)).max(axis=1)
    cell = (upper - lower) / max(round(len(points) ** (1 / points.shape[1])) - 1, 1)
    best: tuple[float, float, float] | None = None
    for share in _SHARES:
        inside = reach <= share
        if inside.all() or not inside.any():
            continue
        outside = float(rates[~inside].min())
        if outside <= 0:
            continue
        excess = max(0.0, outside - float(rates[inside].min()))
        diameter = float(np.linalg.norm(share * (upper - lower) + cell))
        kappa = _constant_inside(gibbs, diameter, losses[inside], values[inside])
        if kappa is None:
            continue
        bound = (1 + excess * kappa) / outside
        if math.isfinite(bound) and (best is None or bound < best[0]):
            best = (bound, outside, float(share))
    text = "Ψ_s ≥ s ϑ > 0 outside of a bounded set"
    rising = Condition(
        "F does not fall towards the walls of the box",
        ConditionStatus.NO_FAILURE_FOUND if walls_rise else ConditionStatus.FAILS,
        where,
    )
    if best is None:
        found = f"no box inside leaves Ψ_s > 0 outside of it, {where}, with a bound below 1e308"
        return Bound(NAME, Inequality.POINCARE, None, (Condition(text, ConditionStatus.FAILS, found), rising), _SOURCE)
    bound, rate, share = best
    found = f"ϑ = {rate:.6g} outside of {share:.0%} of the box's width, {where}"
    conditions = (Condition(text, ConditionStatus.NO_FAILURE_FOUND, found), rising)
    return Bound(NAME, Inequality.POINCARE, bound if walls_rise else None, conditions, _SOURCE)


def _constant_inside(gibbs: Gibbs, diameter: float, losses: Numbers, values: Numbers) -> float | None:
    """Return the smaller of the two bounds on κ_B, or None where both exceed 1e308."""
    uniform = exponential(gibbs.scale * float(np.ptp(values)))
    gaussian = exponential(gibbs.scale * float(np.ptp(losses)))
    found = [] if uniform is None else [diameter**2 / math.pi**2 * uniform]
    return min(found + ([] if gaussian is None else [gaussian / gibbs.confinement]), default=None)
