"""What a figure shows of one run: the mean of F(θ_t) with its interval, and autocorrelations."""

from __future__ import annotations

from typing import Any

import numpy as np

from villani_verify.theory.langevin.jackknife import mean_of_chains
from villani_verify.theory.langevin.mixing import autocovariances
from villani_verify.theory.langevin.observables import Array
from villani_verify.theory.langevin.spectral_gap import SpectralGap
from villani_verify.theory.langevin.trajectories import Trajectories

POINTS = 160
_LAGS_SHOWN = 4
"""Autocorrelations are shown up to so many times the lag at which the slowest one has fallen to 1/e."""


def value_curve(trajectories: Trajectories, level: float) -> list[dict[str, Any]]:
    """Return the mean of F(θ_t) over the chains from θ₀ (over all, where fewer than two are), at up to 160 times."""
    from_reference = trajectories.settings.from_reference
    values = trajectories.values[from_reference if from_reference.sum() >= 2 else slice(None)]
    # Close together at first, where F changes.
    places = np.unique(np.concatenate([[0], np.geomspace(1, values.shape[1] - 1, POINTS).round().astype(int)]))
    times = trajectories.times
    found = [(times[i], mean_of_chains(values[:, i], level)) for i in places]
    return [{"time": float(t), "value": m.value, "interval": list(m.interval)} for t, m in found]


def autocorrelation_curves(trajectories: Trajectories, gap: SpectralGap, *, burn_in: int) -> dict[str, list[list[float]]]:
    """Return name → [time, ρ] pairs of F, ‖θ‖² and the slowest combination, for a run that has mixed; empty otherwise."""
    if gap.lag is None or gap.combination is None:
        return {}
    observables = trajectories.observables
    series = observables.series(trajectories.after(burn_in))
    by_name: dict[str, Array] = dict(zip(observables.names, series, strict=True))
    wanted: dict[str, Array] = {name: by_name[name] for name in ("F", "‖θ‖²") if name in gap.combination}
    scale = {name: by_name[name].std() for name in gap.combination}
    terms = [c * by_name[name] / scale[name] for name, c in gap.combination.items()]
    wanted["slowest combination"] = np.sum(terms, 0)[1::2]
    between = trajectories.time_between_records
    last = min(series.shape[2] // 4, int(np.ceil(_LAGS_SHOWN * gap.lag / between)))
    lags = np.unique(np.linspace(0, last, POINTS).round().astype(int))
    curves = {}
    for name, values in wanted.items():
        covariances = autocovariances(values).mean(0)
        curves[name] = [[float(lag * between), float(covariances[lag] / covariances[0])] for lag in lags]
    return curves
