"""The interval of a mean of few samples, skewed ones too.

Student's t assumes that sample means are close to normal. Samples of ΔL are sums over eigenvalues of squares of the probe's
coordinates, so that they are skewed to the right where few eigenvalues count, and few of them give a t interval that lies too low.
Hall's transformation (Hall 1992, On the removal of skewness by transformation, J. R. Statist. Soc. B 54, 221) takes the first
term of that error away: with W = (x̄ − μ)/σ̂ and the sample's skewness γ̂,

    g(W) = W + γ̂W²/3 + γ̂²W³/27 + γ̂/(6n)

is normal up to O(1/n) after multiplication by √n, and monotone, so that it can be inverted. Where γ̂ is an accident of heavy but
symmetric tails it can also be the worse of the two, so the interval here is the smallest that holds both. Its coverage was
measured (see the calibration): 93 to 97 % of a nominal 95 % from ten samples on, for skewness from 0 to that of χ² with one
degree of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from villani_verify.estimation.student_t import student_t_quantile


def skewness(samples: Sequence[float]) -> float:
    """Return γ̂ = m₃/m₂^(3/2) of the sample's central moments; 0 where all samples are equal."""
    n = len(samples)
    mean = math.fsum(samples) / n
    deviations = [x - mean for x in samples]
    largest = max(map(abs, deviations))
    if largest == 0:
        return 0.0
    scaled = [x / largest for x in deviations]  # so that cubes neither overflow nor vanish
    second = math.fsum(x * x for x in scaled) / n
    return math.fsum(x * x * x for x in scaled) / n / second**1.5


def interval_of_mean(samples: Sequence[float], tail: float) -> tuple[float, float]:
    """Return the interval of the mean of at least two independent samples, with `tail` outside at either end."""
    n = len(samples)
    mean = math.fsum(samples) / n
    variance = math.fsum((x - mean) * (x - mean) for x in samples) / (n - 1)
    return mean_interval(mean, math.sqrt(variance / n), skewness(samples), n, tail)


def mean_interval(mean: float, standard_error: float, skewness: float, n: int, tail: float) -> tuple[float, float]:
    """Return the smallest interval that holds Student's and Hall's, each with `tail` outside at either end.

    Args:
        mean: of the samples.
        standard_error: of the mean, from the unbiased variance.
        skewness: of the samples; at 0 the interval is Student's.
        n: number of samples, at least two.
        tail: probability beyond either end, strictly between 0 and ½.

    Raises:
        ValueError: if n or `tail` is out of range.
    """
    quantile = student_t_quantile(1 - tail, n - 1)
    root = math.sqrt(n)
    below = max(quantile, root * _inverse(quantile / root, skewness, n))
    above = max(quantile, -root * _inverse(-quantile / root, skewness, n))
    return mean - below * standard_error, mean + above * standard_error


def _inverse(x: float, skewness: float, n: int) -> float:
    """Return W with g(W) = x."""
    moved = x - skewness / (6 * n)
    u = skewness * moved
    if abs(u) < 1e-5:  # (∛(1 + u) − 1)/γ̂ by its series, as γ̂ may be 0
        return moved * (1 - u / 3)
    return 3 * (math.cbrt(1 + u) - 1) / skewness
