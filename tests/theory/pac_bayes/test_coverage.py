"""Do the bounds hold as often as they say? On toys of known true risk, over 1,000 samples, with a prior that cheats as control.

Error budget: each count is compared with the binomial quantile at 1 − 1e-6, and seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom

from villani_verify.theory.pac_bayes.binary_kl import mean_interval
from villani_verify.theory.pac_bayes.gaussians import gaussian_divergence
from villani_verify.theory.pac_bayes.inequalities import INEQUALITIES

REPLICATIONS = 1000
N = 30
DELTA, MONTE_CARLO_DELTA = 0.2, 0.1
FLIPPED, THRESHOLD = 0.1, 0.35
SDS, PRECISIONS = (0.02, 0.1, 0.4), (0.5, 4.0)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(101)


def allowed(delta: float) -> int:
    """How many of the replications may fail."""
    return int(binom.ppf(1 - 1e-6, REPLICATIONS, delta))


def true_threshold_risk(mean: float, sd: float) -> float:
    """E over θ ~ N(w, σ²) of 0.1 + 0.8 |θ clipped to [0, 1] − 0.35|, by quadrature."""
    return float(WEIGHTS @ (FLIPPED + (1 - 2 * FLIPPED) * np.abs(np.clip(mean + sd * NODES, 0, 1) - THRESHOLD)) / WEIGHTS.sum())


def threshold_failures() -> dict[str, int]:
    """x uniform, y = [x > 0.35] flipped with probability 0.1, predictor [x > θ]: how often some bound of the grid is too low."""
    generator, failures = np.random.default_rng(1), dict.fromkeys(INEQUALITIES, 0)
    for _ in range(REPLICATIONS):
        x = generator.random(N)
        y = (x > THRESHOLD) ^ (generator.random(N) < FLIPPED)
        candidates = np.linspace(-0.05, 1.05, 56)
        # The posterior follows the data as closely as it can.
        w = float(candidates[((x[None] > candidates[:, None]) != y).mean(axis=1).argmin()])
        failed = dict.fromkeys(INEQUALITIES, False)
        for sd in SDS:
            thetas = w + sd * generator.standard_normal(200)
            sampled = float(((x[None] > thetas[:, None]) != y).mean())
            upper = mean_interval(sampled, 200, MONTE_CARLO_DELTA / len(SDS))[1]
            truth = true_threshold_risk(w, sd)
            for precision in PRECISIONS:
                divergence = gaussian_divergence([1], [w * w], [sd], precision)
                for name, bound in INEQUALITIES.items():
                    failed[name] |= bound(upper, divergence, N, DELTA / len(PRECISIONS)) < truth
        for name in failures:
            failures[name] += failed[name]
    return failures


def test_bounds_of_a_threshold_fail_at_most_as_often_as_they_say() -> None:
    failures = threshold_failures()
    assert max(failures.values()) <= allowed(DELTA + MONTE_CARLO_DELTA), failures


def coin_failures(*, cheating: bool) -> dict[str, int]:
    """Labels are fair coins, so the true risk is ½ for every Q; 40 weights fit 30 of them without an error.

    The prior is N(0, I), or, cheating, the posterior itself.
    """
    generator, failures = np.random.default_rng(2), dict.fromkeys(INEQUALITIES, 0)
    sd = 0.05
    for _ in range(REPLICATIONS):
        x, y = generator.standard_normal((N, 40)), generator.choice([-1.0, 1.0], N)
        w = np.linalg.lstsq(x, y, rcond=None)[0]
        loss = float(ndtr(-y * (x @ w) / (sd * np.linalg.norm(x, axis=1))).mean())
        assert loss < 0.01
        divergence = 0.0 if cheating else gaussian_divergence([40], [float(w @ w)], [sd], 1.0)
        for name, bound in INEQUALITIES.items():
            failures[name] += bound(loss, divergence, N, DELTA) < 0.5
    return failures


def test_bounds_of_memorised_coins_fail_at_most_as_often_as_they_say() -> None:
    assert max(coin_failures(cheating=False).values()) <= allowed(DELTA)


def test_a_prior_from_the_trained_weights_is_found_out() -> None:
    # The control: these counts can fail, and do where the divergence is not paid.
    assert min(coin_failures(cheating=True).values()) > 0.99 * REPLICATIONS


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5])
@pytest.mark.parametrize("name", INEQUALITIES)
def test_bounds_without_a_posterior_fail_at_most_as_often_as_they_say(name: str, p: float) -> None:
    # Q = P, so KL = 0 and L̂ is a binomial count: exactly, without sampling, for δ up to one half.
    k = np.arange(N + 1)
    for delta in (0.01, 0.1, 0.5):
        bounds = np.array([INEQUALITIES[name](i / N, 0.0, N, delta) for i in k])
        assert binom.pmf(k, N, p)[bounds < p].sum() <= delta
    # The control: the empirical loss itself is too low far more often.
    assert binom.pmf(k, N, p)[k / N < p].sum() > 0.4
