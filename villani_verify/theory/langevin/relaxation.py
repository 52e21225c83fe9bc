"""How fast the mean of F(θ_t) over chains that start at one point tends to its limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from villani_verify.theory.langevin.jackknife import Measured, mean_of_chains
from villani_verify.theory.langevin.observables import Array

_RATES = 60


@dataclass(frozen=True)
class Relaxation:
    """Least-squares fit of a·exp(−rt) + c to the mean of F(θ_t).

    Attributes:
        reason: why there is no rate; empty where there is one.
        rate: r, per unit of time. It is the spectral gap only where one exponential is all there is.
        limit: c, an estimate of F_∞ = ∫ F dμ where the run is long enough to reach it.
        amplitude: a.
        unexplained: root mean square of what the fit leaves, over the size of a.
    """

    reason: str
    rate: Measured | None = None
    limit: Measured | None = None
    amplitude: Measured | None = None
    unexplained: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        numbers = {"rate": self.rate, "limit": self.limit, "amplitude": self.amplitude}
        shown = {name: None if x is None else x.as_dict() for name, x in numbers.items()}
        return {"reason": self.reason, **shown, "unexplained": self.unexplained}


def fit_relaxation(times: Array, values: Array, level: float = 0.95) -> Relaxation:
    """Fit an exponential to F(θ_t) of chains that start at the same point.

    The sum of squares is minimised over r on a grid of logarithms and then by Brent's method, a and c being linear given r
    (variable projection; Golub and Pereyra 1973). The interval is the sandwich: with the Jacobian J of the fit in (log r, a, c),
    chain m moves the estimate by (JᵀJ)⁻¹Jᵀ(F_m − fit), and these are independent, so Student's t holds for their mean. It needs no
    model of the noise in time.

    Args:
        times: shape (R,), from 0.
        values: F(θ_t), shape (M, R).
        level: confidence, for each number alone.

    Returns:
        Without a rate where fewer than two chains start there, where the amplitude may be zero, or where the best rate lies at an
        end of what the run can resolve: from 1/(2 · its length) to 1/(time between records).
    """
    if len(values) < 2:
        return Relaxation("fewer than two chains start at the reference point")
    mean = values.mean(0)
    if np.ptp(mean) <= 1e-12 * np.abs(mean).max():
        return Relaxation("F does not change")
    slowest, fastest = 0.5 / times[-1], 1 / (times[1] - times[0])

    def remainder(log_rate: float) -> float:
        basis = _basis(times, log_rate)
        return float(np.square(mean - basis @ np.linalg.lstsq(basis, mean, rcond=None)[0]).sum())

    grid = np.linspace(math.log(slowest), math.log(fastest), _RATES)
    best = int(np.argmin([remainder(x) for x in grid]))
    if best in (0, _RATES - 1):
        which = "slower than half a lifetime of the run" if best == 0 else "faster than one record"
        return Relaxation(f"F changes {which}, or not at all")
    found = minimize_scalar(remainder, bounds=(grid[best - 1], grid[best + 1]), method="bounded", options={"xatol": 1e-7})
    log_rate = float(found.x)
    basis = _basis(times, log_rate)
    amplitude, limit = np.linalg.lstsq(basis, mean, rcond=None)[0]
    slope = -amplitude * times * math.exp(log_rate) * basis[:, 0]
    jacobian = np.column_stack([slope, basis])
    fit = basis @ np.array([amplitude, limit])
    moves = np.linalg.lstsq(jacobian, (values - fit).T, rcond=None)[0]
    log_rates, amplitudes, limits = (
        mean_of_chains(centre + move, level) for centre, move in zip((log_rate, amplitude, limit), moves, strict=True)
    )
    if amplitudes.contains(0.0):
        return Relaxation("F does not change by more than its noise")
    unexplained = float(np.sqrt(np.square(mean - fit).mean())) / abs(float(amplitude))
    return Relaxation("", log_rates.mapped(math.exp), limits, amplitudes, unexplained)


def _basis(times: Array, log_rate: float) -> Array:
    return np.column_stack([np.exp(-math.exp(log_rate) * times), np.ones_like(times)])
