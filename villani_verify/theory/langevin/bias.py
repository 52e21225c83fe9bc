"""The bias of the discretisation, measured: runs at η and η/2 on the same Brownian paths.

The weak error of the scheme is of first order in η (Talay and Tubaro 1990), so the difference of the two runs estimates the half of
the bias at η, and 2·(value at η/2) − (value at η) leaves second order (Richardson). The common paths make the difference much less
noisy than either value. Chains are paired, so all intervals are Student-t over chains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from villani_verify.theory.langevin.jackknife import Measured, jackknife, mean_of_chains
from villani_verify.theory.langevin.observables import Array
from villani_verify.theory.langevin.spectral_gap import LaggedMoments, choose_combination
from villani_verify.theory.langevin.trajectories import Trajectories


@dataclass(frozen=True)
class Bias:
    """One quantity at two step sizes.

    Attributes:
        coarse: at η.
        fine: at η/2.
        difference: coarse − fine; the bias at η is about twice that.
        extrapolated: 2 · fine − coarse (for positive constants, of their logarithms).
    """

    coarse: Measured
    fine: Measured
    difference: Measured
    extrapolated: Measured

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "coarse": self.coarse.as_dict(), "fine": self.fine.as_dict(), "difference": self.difference.as_dict(),
            "extrapolated": self.extrapolated.as_dict(),
        }  # fmt: skip


def bias_of_means(coarse: Trajectories, fine: Trajectories, *, burn_in: int, level: float = 0.95) -> dict[str, Bias]:
    """Return the bias of the stationary means of F and ‖θ‖².

    Args:
        coarse: run at η, with twice the substeps of `fine`.
        fine: run at η/2, recorded at the same times.
        burn_in: steps of the coarse run that are left out.
        level: confidence.
    """
    found = {}
    for column, name in enumerate(("F", "‖θ‖²")):
        # Records lie at the same times, so as many of each run are left out.
        a, b = (records[..., column].mean(0) for records in _stationary(coarse, fine, burn_in))
        found[name] = Bias(*(mean_of_chains(x, level) for x in (a, b, a - b, 2 * b - a)))
    return found


def bias_of_poincare(coarse: Trajectories, fine: Trajectories, *, burn_in: int, level: float = 0.95) -> Bias | None:
    """Return the bias of the lagged lower bound of C_P, for the observable and the lag that the even chains of `fine` choose.

    Args:
        coarse: as for `bias_of_means`; both must have mixed.
        fine: likewise.
        burn_in: steps of the coarse run that are left out.
        level: confidence.

    Returns:
        None where an autocorrelation is lost in noise.
    """
    first = 0 if coarse.settings.batch is None else 1
    both = [run.observables.series(r)[first:] for run, r in zip((coarse, fine), _stationary(coarse, fine, burn_in), strict=True)]
    moving = both[1].std((1, 2)) > 0
    centre, scale = both[1].mean((1, 2), keepdims=True)[moving], both[1].std((1, 2), keepdims=True)[moving]
    scaled = [(series[moving] - centre) / scale for series in both]
    chosen = choose_combination(scaled[1][:, ::2])
    if chosen is None:
        return None
    combination, lag = chosen
    moments = [LaggedMoments.of(series[:, 1::2], lag) for series in scaled]
    time, half = lag * coarse.time_between_records, coarse.settings.temperature / 2

    def log_constant(which: int, weights: Array) -> float:
        correlation = moments[which].correlation(combination, weights)
        return math.log(-half * time / math.log(correlation)) if 0 < correlation < 1 else math.nan

    count = len(moments[0].means)
    logs = [jackknife(partial(log_constant, i), count, level) for i in (0, 1)]
    extrapolated = jackknife(lambda w: 2 * log_constant(1, w) - log_constant(0, w), count, level)
    difference = jackknife(lambda w: math.exp(log_constant(0, w)) - math.exp(log_constant(1, w)), count, level)
    if logs[0] is None or logs[1] is None or extrapolated is None or difference is None:
        return None
    return Bias(logs[0].mapped(math.exp), logs[1].mapped(math.exp), difference, extrapolated.mapped(math.exp))


def _stationary(coarse: Trajectories, fine: Trajectories, burn_in: int) -> tuple[Array, Array]:
    if not np.isclose(coarse.time_between_records, fine.time_between_records) or len(coarse.records) != len(fine.records):
        raise ValueError("the two runs are not recorded at the same times")
    kept = len(coarse.after(burn_in))
    return coarse.records[-kept:], fine.records[-kept:]
