"""Intervals of traces from forms of random vectors, by their own distribution instead of a Student-t for each.

Let g_1 … g_K be independent standard normal vectors and B = Σ_k g_kᵀPg_k / Σ_k ‖g_k‖² for a projection P of rank j in d
dimensions. Numerator and the rest of the denominator are independent χ² variables with jK and (d − j)K degrees of freedom, so

    B ~ Beta(jK/2, (d − j)K/2),

whatever P is: the one unknown is j. An interval of j is what an observed B leaves, as that of Clopper and Pearson for a
binomial count (`villani_verify.estimation.proportion`). It holds at every K and at both ends of the spectrum, where a few
eigenvalues make up all of B and Student-t intervals of ten forms cover less than they say.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import betainc, gammainc

from villani_verify.theory.spectrum.lanczos import Array

_HALVINGS = 50
# A shape of zero is a fraction of none or of all.
_LEAST_SHAPE = 1e-300
# Sums of weights are one to rounding.
_ALL = 1 - 1e-13


def fraction_interval(low: Array, high: Array, dimension: int, count: int, alpha: float) -> tuple[Array, Array]:
    """Return intervals of j/d from B, or from bounds of B.

    P(B ≤ b) falls as j rises. The lower end is where P(B ≥ b) = α/2, the upper end where P(B ≤ b) = α/2.

    Args:
        low: lower bounds of B, or B itself, any shape.
        high: upper bounds of B, or B itself.
        dimension: `d`.
        count: the number K of vectors.
        alpha: error probability of each interval.

    Returns:
        Lower ends for `low` and upper ends for `high`, between 0 and 1.
    """
    half = dimension * count / 2

    def below(fraction: Array, b: Array) -> Array:
        """P(B ≤ b)."""
        return betainc(np.maximum(fraction * half, _LEAST_SHAPE), np.maximum((1 - fraction) * half, _LEAST_SHAPE), b)

    ends = []
    for bound, probability in ((low, 1 - alpha / 2), (high, alpha / 2)):
        b = np.clip(np.asarray(bound, dtype=float), 0.0, 1.0)
        found = _falling_to(probability, lambda f, b=b: below(f, b), np.zeros_like(b), np.ones_like(b))  # type: ignore[misc]
        ends.append(np.where(b <= 0, 0.0, np.where(b >= _ALL, 1.0, found)))
    return ends[0], ends[1]


def simultaneous_alpha(alpha: float, dimension: int) -> float:
    """Return the error probability of each interval, so that all hold at once, for every threshold on the real line.

    N(x), the number of eigenvalues up to x, takes one of the values 0 … d, and the law of B depends on it alone. For j = 0 and
    j = d it is certain, so d − 1 events have to hold.
    """
    return alpha / max(1, dimension - 1)


def signed_interval(
    values: Array, weights: Array, dimension: int, count: int, alpha: float, error: Array | float = 0.0
) -> tuple[Array, Array, Array]:
    """Return Σ w f and its interval as tr f(A)/d, for functions f of any sign.

    f is split at its weighted median c, f = c + (f − c)₊ − (c − f)₊, as a constant adds no noise on unit vectors. Each part is
    positive, and its form is matched to a multiple b of a χ² variable with the same mean and variance, b = tr f²/tr f
    (Satterthwaite 1946, Box 1954): right if one eigenvalue counts, and if very many do. The intervals of the two parts are put
    together by the squares of their distances (Zou and Donner 2008). An approximation, whose coverage was measured; see the
    page on spectra.

    Args:
        values: f at the nodes; shape (…, N), one row for each function.
        weights: of the nodes, adding up to one; shape (N,), or (…, N) where functions have weights of their own.
        dimension: `d`.
        count: the number K of vectors.
        alpha: error probability of each interval.
        error: bound of the error that Σ w f has as a form, from the quadrature; shape (…).

    Returns:
        Values, lower and upper ends; each of shape (…).
    """
    order = np.argsort(values, axis=-1)
    weights = np.broadcast_to(weights, values.shape)
    below = np.cumsum(np.take_along_axis(weights, order, -1), axis=-1) < 0.5
    middle = np.minimum(below.sum(-1, keepdims=True), values.shape[-1] - 1)
    centre = np.take_along_axis(np.take_along_axis(values, order, -1), middle, -1)
    (above, above_low, above_high), (under, under_low, under_high) = (
        _positive_part(np.maximum(sign * (values - centre), 0.0), weights, dimension, count, alpha) for sign in (1, -1)
    )
    value = _averages(values, weights)
    down, up = np.hypot(above - above_low, under_high - under), np.hypot(above_high - above, under - under_low)
    # An end moves faster than the form it is made of: as a multiple of it.
    stretch = np.maximum(1.0, np.divide(above_high, above, out=np.ones_like(above), where=above > 0))
    return value, value - down - error, value + up + error * stretch


def _positive_part(part: Array, weights: Array, dimension: int, count: int, alpha: float) -> tuple[Array, Array, Array]:
    """Return Σ w f and its interval for f ≥ 0, as b/d times a χ² variable of unknown degrees of freedom over K."""
    mean, second = _averages(part, weights), _averages(part * part, weights)
    positive = (mean > 0) & (second > 0)
    scale = np.divide(second, mean, out=np.ones_like(mean), where=positive)
    half = dimension * count / 2
    observed = half * mean / scale
    ends = []
    for probability in (1 - alpha / 2, alpha / 2):
        most = 10 * observed + 20 * count - 20 * np.log(alpha)
        shapes = _falling_to(probability, lambda a: gammainc(np.maximum(a, _LEAST_SHAPE), observed), np.zeros_like(mean), most)
        ends.append(np.where(positive, shapes / half * scale, 0.0))
    return mean, ends[0], ends[1]


def _averages(values: Array, weights: Array) -> Array:
    return np.einsum("...n,...n->...", values, weights)


def _falling_to(probability: float, function: Callable[[Array], Array], below: Array, above: Array) -> Array:
    """Return where a falling function has the value `probability`, between bounds, by bisection."""
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        reached = function(middle) >= probability
        below, above = np.where(reached, middle, below), np.where(reached, above, middle)
    return (below + above) / 2
