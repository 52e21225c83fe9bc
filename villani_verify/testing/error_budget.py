"""One error budget for the whole suite: thousands of checks at 95 % would fail by chance.

The properties that decide by a probability share a false-alarm probability of 10⁻⁶ a run. Everything else
compares numbers that must agree up to rounding, and cannot fail by chance.
"""

from __future__ import annotations

import math

from hypothesis import settings

FALSE_ALARMS = 1e-6
"""Probability that one run of the suite reports a failure of something that holds, by chance alone."""

STATISTICAL_TESTS = 20
"""At most so many tests decide by a probability (three modules with one each, on up to six landscapes)."""


def error_share() -> float:
    """Return the error probability that one example of one statistical test may spend (a union bound over all)."""
    return FALSE_ALARMS / (STATISTICAL_TESTS * settings().max_examples)


def level_of_each_of_two() -> float:
    """Return the level of a measurement that counts only if a second, independent one agrees.

    Both are wrong with probability (1 − level)², which is `error_share`.
    """
    return 1 - math.sqrt(error_share())


def hutchinson_error_bound(frobenius: float, spectral: float, *, num_probes: int, error_probability: float) -> float:
    """Return ε with `P(|mean of v_kᵀHv_k − tr H| ≥ ε)` ≤ `error_probability`, for independent ±1 probes.

    Cortinovis and Kressner (2021), "On randomized trace estimates for indefinite matrices", theorem 1: the probability
    is at most 2 exp(−N ε²/(8‖B‖_F² + 8 ε‖B‖₂)) with B = H − diag(H) symmetric. This holds for every N: no sample
    variance and no normality is assumed.

    Args:
        frobenius: ‖B‖_F.
        spectral: ‖B‖₂, or a larger number such as ‖B‖_F.
        num_probes: `N`.
        error_probability: at most this.
    """
    log = math.log(2 / error_probability)
    half = 4 * log * spectral / num_probes
    return half + math.sqrt(half**2 + 8 * log * frobenius**2 / num_probes)
