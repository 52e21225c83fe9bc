"""The smallest and the largest eigenvalue: a Rayleigh quotient on one side, a bound in probability on the other.

A Ritz value is a Rayleigh quotient, so the largest one never exceeds λ_max. It may still be far below: a residual says only
that *an* eigenvalue is near. How far λ_max can be above follows from the start being random. With p_k of `lanczos` and q the
eigenvector of λ_max,

    1 = ‖v_{k+1}‖² = ‖p_k(A) v_1‖² ≥ p_k(λ_max)² (qᵀv_1)²,

and p_k grows above the largest Ritz value. So a λ_max far above would need a start nearly orthogonal to q (van Dorsselaer,
Hochstenbach and van der Vorst 2000). Over K normal starts g_i, Σ (qᵀg_i)² is a χ² variable with K degrees of freedom, and
never more than Σ ‖g_i‖²/p_k⁽ⁱ⁾(λ_max)². The t above all Ritz values where this sum equals the α-quantile of χ²_K exceeds λ_max
with probability at least 1 − α, whatever A is. The bound is adaptive: where Lanczos has converged p_k rises steeply.
(Kuczyński and Woźniakowski 1992 bound the error beforehand, in terms of k and d alone.) It is a statement about exact
arithmetic, which full reorthogonalisation follows to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import gammaincinv

from villani_verify.estimation.estimate import Interval
from villani_verify.theory.spectrum.ritz import Ritz

CONVERGED = 1e-3
"""An extreme has converged if its interval is no wider than this part of the largest Ritz value's magnitude."""
_DOUBLINGS = 200


@dataclass(frozen=True)
class Extreme:
    """One end of the spectrum.

    Attributes:
        value: the outermost Ritz value of all starts.
        interval: contains the extreme eigenvalue, together with the interval of the other end, at the level asked for.
        residual: an eigenvalue lies within this distance of `value`, not necessarily the extreme one.
        converged: whether the interval is no wider than `CONVERGED` times the largest magnitude.
    """

    value: float
    interval: Interval
    residual: float
    converged: bool


def extremes(runs: Sequence[Ritz], level: float = 0.95) -> tuple[Extreme, Extreme]:
    """Return the smallest and the largest eigenvalue, whose two intervals hold together at `level`.

    Rounding of the products widens the intervals on both sides by what `Ritz.rounding` allows for it.

    Args:
        runs: from independent standard normal starts, at least one.
        level: confidence.
    """
    alpha = (1 - level) / 2
    magnitude = max(max(abs(r.values[0]), abs(r.values[-1])) for r in runs)
    return _end(runs, -1, alpha, magnitude), _end(runs, 1, alpha, magnitude)


def _end(runs: Sequence[Ritz], sign: int, alpha: float, magnitude: float) -> Extreme:
    outermost = -1 if sign > 0 else 0
    best = max(runs, key=lambda r: sign * r.values[outermost])
    value, residual = float(best.values[outermost]), float(best.residuals[outermost])
    rounding = max(r.rounding for r in runs)
    beyond = distance_beyond(runs, sign, alpha)
    inner, outer = value - sign * rounding, value + sign * (beyond + rounding)
    interval = (inner, outer) if sign > 0 else (outer, inner)
    return Extreme(value, interval, residual + rounding, bool(beyond + 2 * rounding <= CONVERGED * magnitude))


def distance_beyond(runs: Sequence[Ritz], sign: int, alpha: float) -> float:
    """Return how far the extreme eigenvalue may lie beyond every Ritz value, with error probability α.

    Args:
        runs: from independent standard normal starts.
        sign: 1 for the largest eigenvalue, −1 for the smallest.
        alpha: error probability.

    Returns:
        A distance ≥ 0; 0 if a Krylov space is exhausted, which then has all distinct eigenvalues with probability one.
    """
    if any(r.exhausted for r in runs):
        return 0.0
    outermost = -1 if sign > 0 else 0
    edge = sign * max(sign * r.values[outermost] for r in runs)
    target = math.log(2 * float(gammaincinv(len(runs) / 2, alpha)))

    def excess(log_distance: float) -> float:
        t = edge + sign * math.exp(log_distance)
        logs = [math.log(r.start_norm_squared) - 2 * r.log_next_polynomial(t) for r in runs]
        top = max(logs)
        return top if math.isinf(top) else top + math.log(math.fsum(math.exp(x - top) for x in logs)) - target

    scale = max(max(abs(r.values[0]), abs(r.values[-1]), float(r.residuals.max())) for r in runs)
    least = math.log(scale) + math.log(1e-15)
    if excess(least) <= 0:
        return math.exp(least)
    upper = math.log(scale)
    for _ in range(_DOUBLINGS):
        if excess(upper) <= 0:
            return math.exp(float(brentq(excess, least, upper, xtol=1e-9, rtol=1e-12)))
        upper += 1.0
    return math.inf
