"""How far a Gauss quadrature can be from the measure it stands for: bounds from its own nodes and from polynomials.

For the measure μ of a start and its k nodes θ_j with weights w_j, C_j = w_1 + … + w_j:

* C_{j−1} ≤ μ((−∞, θ_j)) ≤ μ((−∞, θ_j]) ≤ C_j: the separation theorem of Chebyshev, Markov and Stieltjes (Szegő 1939, section
  3.41). So up to any x in [θ_j, θ_{j+1}) the mass lies between C_{j−1} and C_{j+1}; and the mass that node j stands for lies
  within [θ_{j−1}, θ_{j+1}], which bounds integrals of functions that rise and fall once.
* `|∫f dμ − Σ w_j f(θ_j)|` ≤ 2 min_p max `|f − p|` over polynomials of degree 2k − 1 on an interval that holds the spectrum
  (Ubaru, Chen and Saad 2017). The minimum is at most the sum of the magnitudes of the Chebyshev coefficients left out.

Both are statements about exact arithmetic. Where a Krylov space is exhausted the quadrature is the measure itself.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

from villani_verify.theory.spectrum.lanczos import Array
from villani_verify.theory.spectrum.ritz import Ritz

MOST_CHEBYSHEV_POINTS = 1 << 12
POINTS_PER_WIDTH = 16
"""Chebyshev points so many times the half range over the width resolve a Gaussian to rounding."""


def mass_below(run: Ritz, x: Array) -> tuple[Array, Array, Array]:
    """Return the quadrature's mass up to each x, and bounds of the measure's.

    Args:
        run: of one start.
        x: thresholds, 1-D.

    Returns:
        Value, lower bound and upper bound, each shaped like x, between 0 and 1.
    """
    sums = np.concatenate([[0.0], np.cumsum(run.weights)])
    sums /= sums[-1]
    place = np.searchsorted(run.values, x, side="right")
    if run.exhausted:
        before, after = (np.searchsorted(run.values, x + s * run.rounding, side="right") for s in (-1, 1))
        return sums[place], sums[before], sums[after]
    last = len(run.values)
    return sums[place], sums[np.maximum(place - 1, 0)], sums[np.minimum(place + 1, last)]


def gaussian(distance: Array, width: float) -> Array:
    """Return the density of a normal distribution of standard deviation `width` at a distance from its mean."""
    return np.exp(-0.5 * (distance / width) ** 2) / (width * np.sqrt(2 * np.pi))


def local_error(run: Ritz, x: Array, width: float, ends: tuple[float, float]) -> Array:
    """Return a bound of the error of the quadrature for a Gaussian around each x, from the places where mass can lie.

    Args:
        run: of one start.
        x: centres, 1-D.
        width: standard deviation.
        ends: an interval that holds the spectrum.
    """
    if run.exhausted:
        return np.zeros_like(x)
    bounds = np.concatenate([[min(ends[0], run.values[0])], run.values, [max(ends[1], run.values[-1])]])
    left, right = bounds[:-2], bounds[2:]
    inside = np.clip(x[:, None], left, right)
    most = gaussian(inside - x[:, None], width)
    least = np.minimum(gaussian(left - x[:, None], width), gaussian(right - x[:, None], width))
    at = gaussian(run.values - x[:, None], width)
    return np.maximum((most - at) @ run.weights, (at - least) @ run.weights)


def polynomial_error(degree: int, x: Array, width: float, ends: tuple[float, float]) -> Array:
    """Return a bound of the error of a quadrature of that degree for a Gaussian around each x; infinite where none is known.

    Args:
        degree: 2k − 1.
        x: centres, 1-D.
        width: standard deviation.
        ends: an interval that holds the spectrum.
    """
    half = (ends[1] - ends[0]) / 2
    if half <= 0:
        return np.zeros_like(x)
    points = max(4 * (degree + 1), int(POINTS_PER_WIDTH * half / width))
    if points > MOST_CHEBYSHEV_POINTS:
        return np.full_like(x, np.inf)
    nodes = (ends[0] + ends[1]) / 2 + half * np.cos(np.pi * (np.arange(points) + 0.5) / points)
    coefficients = dct(gaussian(nodes - x[:, None], width), type=2, axis=1) / points
    return 2 * np.abs(coefficients[:, degree + 1 :]).sum(1)
