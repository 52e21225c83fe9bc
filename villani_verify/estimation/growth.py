"""Growth exponents: the slope of log y against log r, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from villani_verify.estimation.estimate import Interval
from villani_verify.estimation.student_t import student_t_quantile

SMALLEST = 1e-300
"""What a value of zero counts as, which has no logarithm."""


@dataclass(frozen=True)
class GrowthFit:
    """y ≈ c r^p on each of several rays, with one p for all and a c for each.

    Attributes:
        exponent: `p`.
        standard_error: of p.
        degrees_of_freedom: number of points minus number of rays minus one, where y is exact; otherwise those of a sum of
            variances.
        coefficient: median over the rays of c, in logarithms; at most e^700.
    """

    exponent: float
    standard_error: float
    degrees_of_freedom: float
    coefficient: float

    def interval(self, level: float = 0.95) -> Interval:
        """Return the Student-t interval of p.

        Its condition is independent, similar scatter about the line, beside the probes' error.
        """
        half = student_t_quantile((1 + level) / 2, self.degrees_of_freedom) * self.standard_error
        return self.exponent - half, self.exponent + half


def fit_growth(rays: Sequence[Sequence[tuple[float, float]]]) -> GrowthFit | None:
    """Fit one exponent to several rays by least squares in logarithms, each ray with its own coefficient.

    Args:
        rays: for each ray, pairs (radius, y); pairs with y not positive and finite are left out.

    Returns:
        The fit, or None if fewer than three usable points remain or all radii agree.
    """
    return fit_noisy_growth([[(r, y, ()) for r, y in ray] for ray in rays])


Influences = Sequence[float]
"""How much each of n probes moves log y, which is (x_k − x̄) ∂log y/∂x̄ for probe k, with x̄ the mean of all x_k."""


def fit_noisy_growth(rays: Sequence[Sequence[tuple[float, float, Influences]]]) -> GrowthFit | None:
    """Fit one exponent, where each y was estimated from probes that points of a ray may share.

    Residuals do not show an error that neighbouring radii have in common. So the variance of p has two parts: that of the probes,
    from what each of them moves p by (the infinitesimal jackknife; Efron 1982), and that of what remains of the residuals after the
    probes' part of them is taken away.

    Args:
        rays: for each ray, (radius, y, influences of the probes on log y); without influences y counts as exact. Probes of
            different rays are independent; points of a ray with as many probes may share them, and need not.

    Returns:
        The fit, or None if fewer than three usable points remain or all radii agree.
    """
    logs = [[(math.log(r), math.log(y), e) for r, y, e in ray if 0 < y < math.inf] for ray in rays]
    logs = [ray for ray in logs if len(ray) >= 2]
    count = sum(len(ray) for ray in logs)
    freedom = count - len(logs) - 1
    # Compared before they are centred, as a mean of equal numbers may differ from them by rounding.
    if freedom < 1 or all(x == ray[0][0] for ray in logs for x, _, _ in ray):
        return None
    means = [(math.fsum(x for x, _, _ in ray) / len(ray), math.fsum(y for _, y, _ in ray) / len(ray)) for ray in logs]
    centred = [(x - mx, y - my) for ray, (mx, my) in zip(logs, means, strict=True) for x, y, _ in ray]
    spread = math.fsum(x * x for x, _ in centred)
    slope = math.fsum(x * y for x, y in centred) / spread
    residual = math.fsum((y - slope * x) ** 2 for x, y in centred)
    middle = median(my - slope * mx for mx, my in means)
    probes = [_moved_by_probes([(x - mx, e) for x, _, e in ray], spread) for ray, (mx, _) in zip(logs, means, strict=True)]
    scatter = _Moved(max(0.0, residual - math.fsum(p.residual for p in probes)) / freedom / spread, 0.0, freedom)
    parts = [p for p in (scatter, *probes) if p.variance > 0] or [scatter]
    variance = math.fsum(p.variance for p in parts)
    return GrowthFit(slope, math.sqrt(variance), _freedom(parts), math.exp(min(middle, 700.0)))


@dataclass(frozen=True)
class _Moved:
    """A part of the variance of p with its degrees of freedom, and what it adds to the sum of squared residuals."""

    variance: float
    residual: float
    freedom: int


def _freedom(parts: Sequence[_Moved]) -> float:
    """Return the degrees of freedom of a sum of variances, (Σ V_i)²/Σ(V_i²/ν_i) by Welch and Satterthwaite."""
    if len(parts) == 1:
        return parts[0].freedom
    largest = max(p.variance for p in parts)
    shares = [p.variance / largest for p in parts]  # whose squares do not vanish
    return math.fsum(shares) ** 2 / math.fsum(v * v / p.freedom for v, p in zip(shares, parts, strict=True))


def _moved_by_probes(ray: Sequence[tuple[float, Influences]], spread: float) -> _Moved:
    """Return the parts of one ray, whose points are given as (log r less its mean, influences)."""
    variance = residual = 0.0
    fewest = min((len(e) for _, e in ray if e), default=2)
    shared = all(len(e) == fewest for _, e in ray)
    # Points with other numbers of probes cannot share them all, and count as independent.
    blocks = [ray] if shared else [[point] for point in ray if point[1]]
    for block in blocks:
        n = len(block[0][1])
        for moved in zip(*(e for _, e in block), strict=True):
            along = math.fsum(x * e for (x, _), e in zip(block, moved, strict=True)) / spread
            common = math.fsum(moved) / len(ray)
            variance += along * along / n / (n - 1)
            residual += (math.fsum(e * e for e in moved) - len(ray) * common * common - along * along * spread) / n / (n - 1)
    return _Moved(variance, residual, fewest - 1)
