"""Growth exponents: the slope of log y against log r, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from villani_verify.estimation.estimate import Interval
from villani_verify.estimation.student_t import student_t_quantile


@dataclass(frozen=True)
class GrowthFit:
    """y ≈ c r^p on each of several rays, with one p for all and a c for each.

    Attributes:
        exponent: `p`.
        standard_error: of p.
        degrees_of_freedom: number of points minus number of rays minus one.
        coefficient: median over the rays of c, in logarithms; at most e^700.
    """

    exponent: float
    standard_error: float
    degrees_of_freedom: int
    coefficient: float

    def interval(self, level: float = 0.95) -> Interval:
        """Return the Student-t interval of p, whose condition is independent, similar scatter about the line."""
        half = student_t_quantile((1 + level) / 2, self.degrees_of_freedom) * self.standard_error
        return self.exponent - half, self.exponent + half


def fit_growth(rays: Sequence[Sequence[tuple[float, float]]]) -> GrowthFit | None:
    """Fit one exponent to several rays by least squares in logarithms, each ray with its own coefficient.

    Args:
        rays: for each ray, pairs (radius, y); pairs with y not positive and finite are left out.

    Returns:
        The fit, or None if fewer than three usable points remain or all radii agree.
    """
    logs = [[(math.log(r), math.log(y)) for r, y in ray if 0 < y < math.inf] for ray in rays]
    logs = [ray for ray in logs if len(ray) >= 2]
    count = sum(len(ray) for ray in logs)
    freedom = count - len(logs) - 1
    # Compared before they are centred, as a mean of equal numbers may differ from them by rounding.
    if freedom < 1 or all(x == ray[0][0] for ray in logs for x, _ in ray):
        return None
    means = [(math.fsum(x for x, _ in ray) / len(ray), math.fsum(y for _, y in ray) / len(ray)) for ray in logs]
    centred = [(x - mx, y - my) for ray, (mx, my) in zip(logs, means, strict=True) for x, y in ray]
    spread = math.fsum(x * x for x, _ in centred)
    slope = math.fsum(x * y for x, y in centred) / spread
    residual = math.fsum((y - slope * x) ** 2 for x, y in centred)
    middle = median(my - slope * mx for mx, my in means)
    return GrowthFit(slope, math.sqrt(residual / freedom / spread), freedom, math.exp(min(middle, 700.0)))
