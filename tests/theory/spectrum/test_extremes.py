from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from villani_verify.theory.spectrum.extremes import distance_beyond, extremes
from villani_verify.theory.spectrum.lanczos import lanczos
from villani_verify.theory.spectrum.ritz import ritz_values

SPECTRA = {
    "even": np.linspace(-1, 1, 80),
    # The largest is nearly hidden behind many that are close to it: the hard case of any method.
    "crowded": np.concatenate([np.linspace(0, 1, 79) ** 0.1, [1.02]]),
    "outliers": np.concatenate([np.random.default_rng(0).normal(size=76), [9.0, 9.01, -30.0, -31.0]]),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize(("count", "steps", "level"), [(1, 4, 0.5), (2, 7, 0.9), (10, 4, 0.95)])
def test_intervals_cover_where_lanczos_has_not_converged(name, count, steps, level, replicated, fewest_hits) -> None:
    eigenvalues = SPECTRA[name]
    low, high = eigenvalues.min(), eigenvalues.max()
    hits = [0, 0, 0]
    for runs in replicated(eigenvalues, replications=1000, count=count, steps=steps, seed=11):
        smallest, largest = extremes(runs, level)
        found = (smallest.interval[0] <= low <= smallest.interval[1], largest.interval[0] <= high <= largest.interval[1])
        # The Rayleigh quotient's side cannot fail.
        assert smallest.interval[1] >= low
        assert largest.interval[0] <= high
        hits = [h + f for h, f in zip(hits, (*found, all(found)), strict=True)]
    each = (1 + level) / 2
    assert hits[0] >= fewest_hits(1000, each)
    assert hits[1] >= fewest_hits(1000, each)
    assert hits[2] >= fewest_hits(1000, level)


def test_the_distance_is_where_the_sum_over_starts_meets_the_quantile(replicated) -> None:
    from scipy.stats import chi2

    (runs,) = replicated(SPECTRA["even"], replications=1, count=3, steps=6, seed=5)
    for sign in (1, -1):
        edge = sign * max(sign * r.values[-1 if sign > 0 else 0] for r in runs)
        t = edge + sign * distance_beyond(runs, sign, 0.05)
        total = sum(r.start_norm_squared * np.exp(-2 * r.log_next_polynomial(t)) for r in runs)
        assert total == pytest.approx(chi2.ppf(0.05, 3), rel=1e-6)


def test_a_residual_says_nothing_of_what_the_start_is_blind_to_but_the_interval_does(dense_operator) -> None:
    eigenvalues = torch.from_numpy(np.append(np.linspace(0, 1, 50), 1.5))
    start = torch.ones(1, 51, dtype=torch.float64)
    start[0, -1] = 1e-9
    (run,) = (ritz_values(t) for t in lanczos(dense_operator(eigenvalues), start, 5))
    # A normal start is as blind as this with probability 1e-9, so a level beyond that has to reckon with it.
    largest = extremes([run], 1 - 1e-11)[1]
    assert largest.value < 1.01
    assert not largest.converged
    # Its residual is small beside the distance to 1.5, which it says nothing of.
    assert largest.residual < 0.2
    assert largest.interval[1] > 1.5


def test_convergence_is_said_and_true(dense_operator, rotated, normal_starts) -> None:
    matrix = rotated(SPECTRA["outliers"])
    product = LinearOperator(matrix.shape, matvec=lambda v: matrix.numpy() @ v, dtype=float)
    library = [float(eigsh(product, 1, which=which, return_eigenvectors=False)[0]) for which in ("SA", "LA")]
    flags = []
    for steps in (3, 40):
        runs = [ritz_values(t) for t in lanczos(dense_operator(matrix), normal_starts(5, 80, 2), steps)]
        found = extremes(runs)
        flags.append([e.converged for e in found])
        for e, other in zip(found, library, strict=True):
            assert e.interval[0] <= other <= e.interval[1]
            assert e.interval[0] <= e.value <= e.interval[1]
    assert flags == [[False, False], [True, True]]


def test_an_exhausted_run_leaves_rounding_alone(dense_operator, normal_starts) -> None:
    runs = [ritz_values(t) for t in lanczos(dense_operator(torch.tensor([1.0, 1.0, 4.0]).double()), normal_starts(2, 3, 0), 3)]
    smallest, largest = extremes(runs)
    assert smallest.interval == pytest.approx((1.0, 1.0), abs=1e-12)
    assert largest.interval == pytest.approx((4.0, 4.0), abs=1e-12)
    assert distance_beyond(runs, 1, 0.025) == 0


def test_more_steps_and_more_starts_narrow_the_interval(replicated) -> None:
    widths = {}
    for count, steps in ((2, 5), (2, 10), (10, 5)):
        found = replicated(SPECTRA["even"], replications=50, count=count, steps=steps, seed=3)
        widths[count, steps] = np.median([distance_beyond(runs, 1, 0.025) for runs in found])
    assert widths[2, 10] < widths[2, 5] / 2
    assert widths[10, 5] < widths[2, 5]
