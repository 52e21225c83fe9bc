"""Quantiles of Student's t distribution with integer degrees of freedom.

Kept here, in a few lines, so that the probes need nothing but torch; the tests compare with scipy.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist


def student_t_cdf(x: float, degrees_of_freedom: int) -> float:
    """Return P(T ≤ x) for T with ν degrees of freedom.

    For integer ν the distribution function is a finite sum (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4):
    with φ = atan(x/√ν), A(x) = `P(|T| ≤ x)` is sin φ (1 + cos²φ/2 + (1·3)/(2·4) cos⁴φ + …) for even ν and
    (2/π)(φ + sin φ (cos φ + (2/3) cos³φ + …)) for odd ν, each with ⌊ν/2⌋ terms.

    Args:
        x: any number.
        degrees_of_freedom: ν ≥ 1.
    """
    nu = degrees_of_freedom
    phi = math.atan(abs(x) / math.sqrt(nu))
    sine, cosine = math.sin(phi), math.cos(phi)
    term = 1.0 if nu % 2 == 0 else cosine
    total = 0.0
    for j in range(nu // 2):
        total += term
        numerator = 2 * j + 1 if nu % 2 == 0 else 2 * j + 2
        term *= cosine * cosine * numerator / (numerator + 1)
    central = sine * total if nu % 2 == 0 else 2 / math.pi * (phi + sine * total)
    return 0.5 + math.copysign(central / 2, x)


@lru_cache(maxsize=1024)
def student_t_quantile(probability: float, degrees_of_freedom: float) -> float:
    """Return x with P(T ≤ x) = `probability`.

    Args:
        probability: strictly between 0 and 1.
        degrees_of_freedom: integer ν ≥ 1; above 10⁵, infinity included, the normal quantile, which is then
            right to six digits.

    Raises:
        ValueError: if an argument is out of range.
    """
    if not 0 < probability < 1 or degrees_of_freedom < 1:
        raise ValueError(f"probability {probability} and degrees of freedom {degrees_of_freedom}: out of range")
    if degrees_of_freedom > 1e5:
        return NormalDist().inv_cdf(probability)
    if probability < 0.5:
        return -student_t_quantile(1 - probability, degrees_of_freedom)
    nu = int(degrees_of_freedom)
    low, high = 0.0, 1.0
    while student_t_cdf(high, nu) < probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if student_t_cdf(middle, nu) < probability else (low, middle)
    return (low + high) / 2
