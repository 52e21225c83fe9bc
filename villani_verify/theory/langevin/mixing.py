"""Whether chains have mixed: split-R̂ and the number of autocorrelation times they are long.

Split-R̂ is that of Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), rank-normalised, the larger of the plain and the folded
one. The integrated autocorrelation time is τ = 1 + 2 Σ_k ρ(k), summed up to Sokal's window, the smallest W ≥ 5 τ(W) (Sokal 1997).
Both can only find out a chain that has not mixed. That one has mixed they cannot show: a well that no chain entered leaves no
trace. Split-R̂ falls to 1.01 when each chain is about a hundred autocorrelation times long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata

from villani_verify.theory.langevin.jackknife import Measured, jackknife
from villani_verify.theory.langevin.observables import Array

LARGEST_SPLIT_RHAT = 1.01
"""As Vehtari et al. (2021) recommend."""
FEWEST_AUTOCORRELATION_TIMES = 50
"""Shorter runs, all chains together, say nothing about their own autocorrelation time."""
WINDOW = 5
"""Sokal's factor; what is left out is then of order e⁻¹⁰ where the decay is exponential."""


@dataclass(frozen=True)
class Mixing:
    """What the diagnostics say of one run.

    Attributes:
        mixed: nothing speaks against it.
        reason: what does; empty if nothing.
        split_rhat: the largest of all observables.
        worst: observable that has it.
        autocorrelation_times: observable → τ in records, with its interval; None where the window did not close.
        length: records of all chains together, over the largest τ; None where that is not known.
    """

    mixed: bool
    reason: str
    split_rhat: float
    worst: str
    autocorrelation_times: dict[str, Measured | None]
    length: float | None

    def as_dict(self, time_between_records: float) -> dict[str, Any]:
        """Return plain values, autocorrelation times in units of time."""
        times = {
            name: None if tau is None else tau.mapped(lambda x: x * time_between_records).as_dict()
            for name, tau in self.autocorrelation_times.items()
        }
        return {
            "mixed": self.mixed, "reason": self.reason, "split_rhat": self.split_rhat, "worst_observable": self.worst,
            "length_in_autocorrelation_times": self.length, "integrated_autocorrelation_time": times,
        }  # fmt: skip


def diagnose(names: tuple[str, ...], series: Array, level: float = 0.95) -> Mixing:
    """Return what the diagnostics say of observables of M chains.

    Args:
        names: of the p observables.
        series: shape (p, M, R), after the burn-in.
        level: of the intervals of the autocorrelation times.
    """
    rhats = [split_rhat(x) for x in series]
    worst = int(np.argmax(rhats))
    times = {name: integrated_time(x, level) for name, x in zip(names, series, strict=True)}
    known = [tau.value for tau in times.values() if tau is not None]
    length = series.shape[1] * series.shape[2] / max(known) if len(known) == len(names) else None
    reasons = []
    if not rhats[worst] <= LARGEST_SPLIT_RHAT:
        reasons.append(f"split-R̂ of {names[worst]} is {rhats[worst]:.5g}, above {LARGEST_SPLIT_RHAT}")
    unclosed = [name for name, tau in times.items() if tau is None]
    if unclosed:
        reasons.append(f"the autocorrelation of {unclosed[0]} outlasts the chains")
    elif length is not None and length < FEWEST_AUTOCORRELATION_TIMES:
        reasons.append(
            f"all chains together are {length:.3g} autocorrelation times long, fewer than {FEWEST_AUTOCORRELATION_TIMES}"
        )
    return Mixing(not reasons, "; ".join(reasons), rhats[worst], names[worst], times, length)


def split_rhat(values: Array) -> float:
    """Return rank-normalised split-R̂, the larger of the plain and the folded one (Vehtari et al. 2021, sections 3.1 and 4.1).

    Args:
        values: shape (M, R), R ≥ 4.

    Returns:
        Infinity where a value is not finite, or where chains differ and do not move.
    """
    if not np.isfinite(values).all():
        return math.inf
    half = values.shape[1] // 2
    split = np.concatenate([values[:, :half], values[:, -half:]])
    return max(_rhat(_normal_scores(split)), _rhat(_normal_scores(np.abs(split - np.median(split)))))


def _normal_scores(values: Array) -> Array:
    # Blom's offsets, as in the paper.
    return ndtri((rankdata(values).reshape(values.shape) - 3 / 8) / (values.size + 1 / 4))


def _rhat(values: Array) -> float:
    length = values.shape[1]
    within = float(values.var(1, ddof=1).mean())
    between = length * float(values.mean(1).var(ddof=1))
    if within == 0:
        return 1.0 if between == 0 else math.inf
    return math.sqrt((length - 1) / length + between / within / length)


def autocovariances(values: Array) -> Array:
    """Return the autocovariance of each chain about the mean of all, at lags 0…R−1, each lag divided by its number of pairs.

    The mean of all chains takes away M times less of a slow component than each chain's own.

    Args:
        values: shape (M, R).

    Returns:
        Shape (M, R).
    """
    centred = values - values.mean()
    length = values.shape[1]
    transformed = rfft(centred, next_fast_len(2 * length, real=True), axis=1)
    products = irfft(np.abs(transformed) ** 2, next_fast_len(2 * length, real=True), axis=1)[:, :length]
    return products / np.arange(length, 0, -1)


def integrated_time(values: Array, level: float = 0.95) -> Measured | None:
    """Return τ = 1 + 2 Σ_{k ≤ W} ρ(k) in records, with a jackknife interval; None where W exceeds a quarter of a chain.

    Args:
        values: shape (M, R).
        level: confidence; the window is taken as given.
    """
    covariances = autocovariances(values)
    mean = covariances.mean(0)
    if not mean[0] > 0:
        return None
    times = 2 * np.cumsum(mean / mean[0]) - 1
    closed = np.flatnonzero(np.arange(len(times)) >= WINDOW * times)
    if not len(closed) or closed[0] > len(times) // 4 or len(values) < 2:
        return None
    window = int(closed[0])
    sums, variances = covariances[:, : window + 1].sum(1), covariances[:, 0]
    return jackknife(lambda w: float(2 * (w @ sums) / (w @ variances) - 1), len(values), level)
