"""Taylor expansions along a line compared with one another: mismatches, rounding floors, slopes of remainders.

If g has k + 1 continuous derivatives near [a, b], h = b − a, and c, d are its Taylor coefficients at a and b, then

    δ_i = |d_i − Σ_{j ≥ i} binom(j, i) c_j h^{j−i}| = O(h^{k+1−i}),   i = 0 … k     (Taylor's theorem for g^{(i)}/i!).

A jump in derivative m between a and b leaves δ_m constant as h → 0, and δ_i of order h^{m−i} for i < m. So coefficients of
every order are compared at ever smaller h without dividing differences of values by powers of h, and rounding does not grow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from villani_verify.estimation.growth import fit_growth


@dataclass(frozen=True)
class Expansion:
    """Taylor coefficients of g about one point of a line.

    Attributes:
        at: `t`.
        coefficients: c_0 … c_k, c_i = g^{(i)}(t)/i!.
    """

    at: float
    coefficients: tuple[float, ...]

    @property
    def finite(self) -> bool:
        """Whether every coefficient is."""
        return all(math.isfinite(c) for c in self.coefficients)

    def value_at(self, t: float, order: int) -> float:
        """Return the Taylor polynomial of degree `order` at `t`."""
        h = t - self.at
        return _sum([c * h**i for i, c in enumerate(self.coefficients[: order + 1])])

    def feature(self, magnitude: float) -> float:
        """Return the length ρ on which g changes by its own magnitude G: the smallest (G/|c_j|)^{1/j}, j ≥ 1."""
        lengths = [_root(magnitude / abs(c), j) for j, c in enumerate(self.coefficients) if j and c]
        return min(lengths, default=math.inf)


@dataclass(frozen=True)
class Mismatch:
    """How two expansions differ, for each order i.

    Attributes:
        size: δ_i, the smaller of the mismatch from left to right and from right to left.
        relative: the same, each direction divided by the size of its own terms. An expansion next to a singularity has huge
            high coefficients; so measured, they do not drown what is seen from the far end.
        scale: size of the terms at either end.
        shift: (i + 1)·c_{i+1}, the change of c_i when the line is shifted by one.
    """

    size: tuple[float, ...]
    relative: tuple[float, ...]
    scale: tuple[float, ...]
    shift: tuple[float, ...]

    def rounding(self, *, reach: float, eps: float) -> tuple[float, ...]:
        """Return what one rounding of the terms, and one of a position of size `reach`, leave in each δ_i."""
        return tuple(eps * (scale + shift * reach) for scale, shift in zip(self.scale, self.shift, strict=True))


def mismatch(left: Expansion, right: Expansion, *, magnitude: float = 0.0, feature: float = math.inf) -> Mismatch:
    """Compare two expansions.

    Args:
        left: at a.
        right: at b, of the same order.
        magnitude: G, the size of g. Coefficients of a function of this magnitude with features of length ρ carry rounding of
            the size eps·G/ρ^i even where they happen to be small, so G/ρ^i counts as one of the terms.
        feature: ρ, the length on which g typically changes by its magnitude; not to be taken at these two points, where a
            singularity may be near.
    """
    usual = [magnitude / feature**i if feature > 0 else 0.0 for i in range(len(left.coefficients))]
    ways = [_one_sided(left, right, usual), _one_sided(right, left, usual)]
    size, relative, scale = zip(
        *((min(d, e), min(_ratio(d, s), _ratio(e, t)), max(s, t)) for (d, s), (e, t) in zip(*ways, strict=True)), strict=True
    )
    c = [max(abs(a), abs(b)) for a, b in zip(left.coefficients, right.coefficients, strict=True)]
    # c_{k+1} is not known; a geometric sequence continues with it.
    c.append(c[-1] * (c[-1] / c[-2]) if len(c) > 1 and c[-2] else 0.0)
    return Mismatch(size, relative, scale, tuple((i + 1) * c[i + 1] for i in range(len(c) - 1)))


@dataclass(frozen=True)
class RemainderFit:
    """How |g(a + h) − Σ_{i ≤ j} c_i h^i| falls with h.

    Attributes:
        order: `j`.
        steps: every h that was tried, from long to short.
        remainders: the remainder at each.
        slope: least-squares slope of log remainder against log h over the steps above the rounding floor; None if fewer than four.
        interval: its Student-t interval; None with the slope.
    """

    order: int
    steps: tuple[float, ...]
    remainders: tuple[float, ...]
    slope: float | None
    interval: tuple[float, float] | None


def fit_remainders(
    expansion: Expansion,
    value: Callable[[float], float],
    steps: Sequence[float],
    *,
    floor: float,
    level: float,
    longest: float = math.inf,
) -> list[RemainderFit]:
    """Measure the remainder after each order of one expansion and fit its slope.

    For a function with j + 1 continuous derivatives the slope is at least j + 1 (more where c_{j+1} = 0); behind a jump of
    derivative m ≤ j it is m.

    Args:
        expansion: about a.
        value: t ↦ g(t).
        steps: h > 0, from long to short.
        floor: remainders below this are rounding and are left out of the fit.
        level: confidence of the intervals.
        longest: longer steps are left out of the fit: the series need not converge there.
    """
    measured = [value(expansion.at + h) for h in steps]
    fits = []
    for order in range(len(expansion.coefficients)):
        remainders = tuple(abs(g - expansion.value_at(expansion.at + h, order)) for h, g in zip(steps, measured, strict=True))
        # The first remainder below the floor ends the fit: those after it are rounding even where they are larger.
        usable: list[tuple[float, float]] = []
        for h, r in zip(steps, remainders, strict=True):
            if h > longest or not math.isfinite(r):
                continue
            if r <= floor:
                break
            usable.append((h, r))
        fit = fit_growth([usable]) if len(usable) >= 4 else None
        slope, interval = (None, None) if fit is None else (fit.exponent, fit.interval(level))
        fits.append(RemainderFit(order, tuple(steps), remainders, slope, interval))
    return fits


def _one_sided(start: Expansion, end: Expansion, usual: Sequence[float]) -> list[tuple[float, float]]:
    """Return (mismatch, size of its terms) for each order."""
    h = end.at - start.at
    c = start.coefficients
    found = []
    for i, d in enumerate(end.coefficients):
        terms = [math.comb(j, i) * c[j] * h ** (j - i) for j in range(i, len(c))]
        found.append((abs(d - _sum(terms)), abs(d) + sum(map(abs, terms)) + usual[i]))
    return found


def _sum(terms: Sequence[float]) -> float:
    # fsum raises where a plain sum is infinite.
    return math.fsum(terms) if max(map(abs, terms)) < 1e300 else sum(terms)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else (0.0 if part == 0 else math.inf)


def _root(x: float, j: int) -> float:
    return 0.0 if x == 0 else math.exp(math.log(x) / j) if math.isfinite(x) else math.inf
