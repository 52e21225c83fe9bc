"""A mean in two precisions: many cheap samples, and a few differences that take the cheap ones' bias away (Giles 2008, two levels).

With X(z) a sample computed with rounded products and Y(z) the same without rounding, of the same signs z,

    E[Y] = E[X] + E[Y − X].

The two means on the right are estimated from independent signs, n₀ samples of X and n₁ of Y − X, at the cost n₀ c + n₁ (c + 1) in
units of a sample of Y. The variance σ_X²/n₀ + σ_D²/n₁ is least for

    m = n₀/n₁ = (σ_X/σ_D) √((c + 1)/c).

Here m is a whole number, and one difference with the mean of m cheap samples is one sample of the sum: these are independent and
identically distributed, so that Student-t intervals and looks mean what they do elsewhere, and both variances are in them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from villani_verify.curvature.engine_interface import Engine
from villani_verify.curvature.probes import derive_seed
from villani_verify.estimation.sequential import Target
from villani_verify.landscape import Landscape
from villani_verify.points import Point

COST = 0.75
"""c, measured once (see the documentation), so that decisions do not depend on the clock."""
PILOT_DIFFERENCES = 8
_MOST_CHEAP = 64  # for each difference; a larger share would save less than 2 %
_FEWEST_SUMS = 24  # whose interval is 6 % wider than with infinitely many


@dataclass(frozen=True)
class TwoLevel:
    """Samples of a sum whose mean is ΔL.

    Attributes:
        landscape: gives L.
        point: θ.
        exact: the engine whose samples have the mean ΔL.
        rounded: the engine of cheap samples of the same addresses.
        per_difference: `m`.
    """

    landscape: Landscape
    point: Point
    exact: Engine
    rounded: Engine
    per_difference: int

    def samples(self, seed: int, indices: Sequence[int]) -> list[float]:
        """Return independent samples, one for each address: the mean of m cheap ones, and a difference."""
        m = self.per_difference
        cheap = self.rounded.laplacian_samples(
            self.landscape, self.point, seed=derive_seed(seed, "cheap"), indices=[i * m + j for i in indices for j in range(m)]
        )
        differences = self.differences(derive_seed(seed, "both"), indices)
        means = (math.fsum(cheap[start : start + m]) / m for start in range(0, len(cheap), m))
        return [mean + d for mean, d in zip(means, differences, strict=True)]

    def differences(self, seed: int, indices: Sequence[int]) -> list[float]:
        """Return Y − X for each address."""
        exact, rounded = (
            e.laplacian_samples(self.landscape, self.point, seed=seed, indices=indices) for e in (self.exact, self.rounded)
        )
        return [y - x for y, x in zip(exact, rounded, strict=True)]

    @property
    def evaluations(self) -> int:
        """Samples of either precision, in one sample of the sum."""
        return self.per_difference + 2


def cheap_for_each_difference(pilot: Sequence[float], differences: Sequence[float], target: Target) -> int:
    """Return m, or 0 where exact samples alone are predicted to be cheaper.

    Args:
        pilot: exact samples.
        differences: of the two precisions.
        target: what the estimate is for.
    """
    needed = target.samples_needed(pilot)
    if not all(map(math.isfinite, (*pilot, *differences))):
        return 0
    spread, rounding = statistics.variance(pilot), statistics.variance(differences)
    best = math.sqrt(spread / rounding * (COST + 1) / COST) if rounding > 0 else math.inf
    m = int(min(_MOST_CHEAP, best, needed / _FEWEST_SUMS))
    if m < 1:
        return 0
    # Work for one unit of variance, as above.
    cost = (m * COST + COST + 1) * (spread / m + rounding)
    return m if cost < spread else 0


def summed_pilot(pilot: Sequence[float], differences: Sequence[float], m: int) -> list[float]:
    """Return exact samples drawn together until they spread like samples of the sum."""
    mean, spread = statistics.fmean(pilot), statistics.variance(pilot)
    factor = math.sqrt(1 / m + statistics.variance(differences) / spread) if spread > 0 else 0.0
    return [mean + factor * (x - mean) for x in pilot]
