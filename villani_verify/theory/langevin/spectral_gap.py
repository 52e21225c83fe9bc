"""The Poincaré constant from long chains: a lower bound in principle, with a statistical interval.

For μ ∝ exp(−2F/s) the generator of dθ = −∇F dt + √s dW is 𝓛f = −∇F·∇f + (s/2)Δf, and integration by parts gives
−∫ f 𝓛f dμ = (s/2) ∫ ‖∇f‖² dμ. With Var f ≤ C_P ∫ ‖∇f‖² dμ the spectral gap of −𝓛 is therefore γ = (s/2)/C_P, and
‖P_t f − ∫ f dμ‖ ≤ exp(−γt) ‖f − ∫ f dμ‖ in L²(μ). Two lower bounds of C_P follow for every f:

* Rayleigh: Var f / ∫ ‖∇f‖² dμ ≤ C_P.
* Lagged: as 𝓛 is self-adjoint the autocorrelation is ρ_f(t) = Σ w_i exp(−γ_i t), w_i ≥ 0, Σ w_i = 1, γ_i ≥ γ, so that
  ρ_f(t) ≤ exp(−γt) and (s/2) t/(−log ρ_f(t)) ≤ C_P. It rises with t, and tends to the Rayleigh quotient as t → 0.

The best linear combination of several observables solves C(t)c = κ C(0)c, the variational approach to conformation dynamics (Noé
and Nüske 2013), known as TICA for linear observables. The largest of several estimates is biased upward, so the combination and the
lag are chosen on the even chains and evaluated on the odd ones: whatever was chosen, the bounds hold for it, and the interval is
that of a fixed f.

The measure here is that of the discretised chain; `bias` measures what the step size changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh

from villani_verify.theory.langevin.jackknife import Measured, jackknife
from villani_verify.theory.langevin.mixing import Mixing, diagnose
from villani_verify.theory.langevin.observables import Array
from villani_verify.theory.langevin.trajectories import Trajectories

SMALLEST_EIGENVALUE = 1e-8
"""Of the correlation matrix; observables that are combinations of others, as F of ‖θ‖² where L = 0, are left out."""
_LAG_FACTOR = 1.15


@dataclass(frozen=True)
class LaggedMoments:
    """Moments of p observables of each chain at one lag, from all pairs (t, t + k), symmetrised in time.

    Attributes:
        means: ½ (mean of f(t) + mean of f(t + k)), shape (M, p).
        instant: second moments at lag 0, averaged over both ends, shape (M, p, p).
        lagged: second moments at lag k, shape (M, p, p).
    """

    means: Array
    instant: Array
    lagged: Array

    @classmethod
    def of(cls, series: Array, lag: int) -> LaggedMoments:
        """Return the moments of observables of shape (p, M, R)."""
        chains = series.transpose(1, 0, 2)
        early, late = chains[..., : chains.shape[-1] - lag], chains[..., lag:]
        pairs = early.shape[-1]
        instant = (early @ early.transpose(0, 2, 1) + late @ late.transpose(0, 2, 1)) / (2 * pairs)
        lagged = early @ late.transpose(0, 2, 1) / pairs
        return cls((early.mean(-1) + late.mean(-1)) / 2, instant, (lagged + lagged.transpose(0, 2, 1)) / 2)

    def covariances(self, weights: Array) -> tuple[Array, Array]:
        """Return C(0) and C(k), shape (p, p), of chains with these weights about their common mean."""
        mean = weights @ self.means
        outer = np.outer(mean, mean)
        return np.tensordot(weights, self.instant, 1) - outer, np.tensordot(weights, self.lagged, 1) - outer

    def correlation(self, combination: Array, weights: Array) -> float:
        """Return ρ_f(k) of f = Σ c_i f_i."""
        instant, lagged = self.covariances(weights)
        return float(combination @ lagged @ combination) / float(combination @ instant @ combination)


@dataclass(frozen=True)
class SpectralGap:
    """C_P and γ = (s/2)/C_P from one run.

    Attributes:
        mixing: the diagnostics; where they fail there is no constant.
        reason: why there is none; empty where there is one.
        poincare: lower bound of C_P from the autocorrelation at `lag`, for the measure that the discretised chain samples.
        rayleigh: lower bound of C_P from Var f/∫‖∇f‖² of the best combination for that.
        rate: slowest observed exponential rate, (s/2)/`poincare`: an upper bound of γ.
        lag: t, in units of time.
        combination: coefficients of f in the observables divided by their standard deviations.
        observable_rates: observable → its own rate, −log ρ(t)/t at a lag of about one relaxation time; None where ρ is
            lost in noise.
    """

    mixing: Mixing
    reason: str
    poincare: Measured | None = None
    rayleigh: Measured | None = None
    rate: Measured | None = None
    lag: float | None = None
    combination: dict[str, float] | None = None
    observable_rates: dict[str, Measured | None] | None = None

    def as_dict(self, time_between_records: float) -> dict[str, Any]:
        """Return plain values."""
        rates = self.observable_rates
        return {
            "reason": self.reason,
            "mixing": self.mixing.as_dict(time_between_records),
            "poincare": _lower_bound(self.poincare, "lagged autocorrelation"),
            "rayleigh": _lower_bound(self.rayleigh, "Rayleigh quotient"),
            "slowest_rate": None if self.rate is None else self.rate.as_dict(),
            "lag": self.lag,
            "combination": self.combination,
            "observable_rates": None if rates is None else {n: None if r is None else r.as_dict() for n, r in rates.items()},
        }


def _lower_bound(measured: Measured | None, method: str) -> dict[str, Any] | None:
    return None if measured is None else {**measured.as_dict(), "method": method, "is_lower_bound": True}


def spectral_gap(trajectories: Trajectories, *, burn_in: int, level: float = 0.95) -> SpectralGap:
    """Return lower bounds of C_P and the slowest observed rate, or why there are none.

    Args:
        trajectories: of M ≥ 4 independent chains; half of them choose the observable, the other half gives the interval.
        burn_in: steps that are left out.
        level: confidence, for each interval alone.
    """
    records = trajectories.after(burn_in)
    # With mini-batches F and ∇F are recorded with their sampling noise, which would be taken for fast relaxation.
    first = 0 if trajectories.settings.batch is None else 1
    names = trajectories.observables.names[first:]
    series = trajectories.observables.series(records)[first:]
    mixing = diagnose(names, series, level)
    if not mixing.mixed:
        return SpectralGap(mixing, f"not mixed: {mixing.reason}")
    moving = series.std((1, 2)) > 0
    names, series = tuple(n for n, m in zip(names, moving, strict=True) if m), series[moving]
    scale = series.std((1, 2))
    scaled = (series - series.mean((1, 2), keepdims=True)) / scale[:, None, None]
    chosen = choose_combination(scaled[:, ::2])
    if chosen is None:
        return SpectralGap(mixing, "no lag at which the autocorrelation has fallen to 1/e within a quarter of a chain")
    combination, lag = chosen
    time = lag * trajectories.time_between_records
    half = trajectories.settings.temperature / 2
    log_rate = log_rate_of(LaggedMoments.of(scaled[:, 1::2], lag), combination, time, level)
    if log_rate is None:
        return SpectralGap(mixing, "the autocorrelation is lost in noise on the chains that did not choose the observable")
    rate = log_rate.mapped(math.exp)
    rayleigh = None
    if trajectories.settings.batch is None:
        products = trajectories.observables.gradient_products(records)[:, moving][:, :, moving] / np.outer(scale, scale)
        rayleigh = _rayleigh(scaled, products, level)
    rates = {name: _own_rate(x, trajectories.time_between_records, level) for name, x in zip(names, scaled, strict=True)}
    weights = dict(zip(names, map(float, combination), strict=True))
    return SpectralGap(mixing, "", rate.mapped(lambda r: half / r), rayleigh, rate, time, weights, rates)


def choose_combination(series: Array) -> tuple[Array, int] | None:
    """Return the slowest combination of observables, and the first lag at which its autocorrelation is below 1/e.

    At that lag what decays twice as fast is down to 1/e², while ρ is still far above its noise.

    Args:
        series: shape (p, M, R), scaled to mean 0 and variance 1.

    Returns:
        Coefficients, shape (p,), and the lag in records; None where there is no such lag up to a quarter of the chains.
    """
    lag = 1
    count = series.shape[1]
    while lag <= series.shape[2] // 4:
        instant, lagged = LaggedMoments.of(series, lag).covariances(np.full(count, 1 / count))
        values, vectors = _generalised(lagged, instant)
        if values[-1] <= math.exp(-1):
            return vectors[:, -1], lag
        lag = max(lag + 1, round(lag * _LAG_FACTOR))
    return None


def log_rate_of(moments: LaggedMoments, combination: Array, time: float, level: float) -> Measured | None:
    """Return log(−log ρ(t)/t) with its interval; None where ρ is not between 0 and 1 on all chains and on all but any one."""

    def statistic(weights: Array) -> float:
        correlation = moments.correlation(combination, weights)
        return math.log(-math.log(correlation) / time) if 0 < correlation < 1 else math.nan

    return jackknife(statistic, len(moments.means), level)


def _own_rate(values: Array, time_between_records: float, level: float) -> Measured | None:
    chosen = choose_combination(values[None, ::2])
    if chosen is None:
        return None
    combination, lag = chosen
    found = log_rate_of(LaggedMoments.of(values[None, 1::2], lag), combination, lag * time_between_records, level)
    return None if found is None else found.mapped(math.exp)


def _rayleigh(series: Array, products: Array, level: float) -> Measured | None:
    """Return Var f/∫‖∇f‖² of the combination that is best on the even chains, evaluated on the odd ones."""
    weights = np.full(len(products[::2]), 1 / len(products[::2]))
    training, _ = LaggedMoments.of(series[:, ::2], 0).covariances(weights)
    # As quotient of inverses: the covariance is the matrix that may be singular.
    values, vectors = _generalised(np.tensordot(weights, products[::2], 1), training)
    combination = vectors[:, 0]
    if values[0] <= 0:
        return None
    moments, slopes = LaggedMoments.of(series[:, 1::2], 0), products[1::2]

    def statistic(w: Array) -> float:
        variance = float(combination @ moments.covariances(w)[0] @ combination)
        return math.log(variance / float(combination @ np.tensordot(w, slopes, 1) @ combination))

    found = jackknife(statistic, len(slopes), level)
    return None if found is None else found.mapped(math.exp)


def _generalised(a: Array, b: Array) -> tuple[Array, Array]:
    """Solve A c = κ B c on the span where B is not singular, κ rising; columns are scaled to cᵀBc = 1."""
    sizes, axes = eigh(b)
    kept = sizes > SMALLEST_EIGENVALUE * sizes[-1]
    whiten = axes[:, kept] / np.sqrt(sizes[kept])
    values, vectors = eigh(whiten.T @ a @ whiten)
    return values, whiten @ vectors
