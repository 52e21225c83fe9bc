"""When a family of points refutes differential growth: Ψ_s stays bounded or falls over a decade of radius.

Two mechanisms, both judged by confidence bounds:

* temperature: the upper bound of s* does not grow. For every s above it, Ψ_s = ‖∇F‖²(1/s − 1/s*) < 0.
* gradient: ‖∇F‖ does not grow and ΔF does not fall, so Ψ_s ≤ ‖∇F‖²/s − ΔF stays bounded for every s.

"Does not grow" means a fitted exponent of at most 0.25 over the decade: a quantity that grows more slowly
than r^0.25 cannot be told from a bounded one there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from villani_verify.estimation.growth import SMALLEST, GrowthFit, fit_growth
from villani_verify.estimation.psi import PointMeasurement

LARGEST_BOUNDED_EXPONENT = 0.25
# The interval of the exponent must at least exclude linear growth.
_LARGEST_UPPER_EXPONENT = 1.0
# Exponent of ‖∇F‖² from which on it grows like the decay's part of it, whose exponent is 2.
_RULED_BY_DECAY = 1.5
_DECADE = 9.99
_WINDOW = 20.0


@dataclass(frozen=True)
class BoundedFamily:
    """Why Ψ_s does not tend to infinity along a family.

    Attributes:
        mechanism: "temperature" or "gradient".
        temperature: an s at which Ψ_s stays bounded.
        every_temperature: whether it does so for every s > 0.
        bound: upper confidence bound of s* (temperature) or of Ψ_s (gradient) over the family.
        fit: growth of the upper bound of s*, or of ‖∇F‖².
    """

    mechanism: Literal["temperature", "gradient"]
    temperature: float
    every_temperature: bool
    bound: float
    fit: GrowthFit


def last_decade(points: Sequence[PointMeasurement]) -> list[PointMeasurement]:
    """Return the points within a decade below the largest radius, and a little more: radii found by scanning are uneven."""
    largest = max((p.radius for p in points), default=0.0)
    return [p for p in points if p.radius >= largest / _WINDOW]


def upper_critical_temperatures(points: Sequence[PointMeasurement], level: float) -> list[float]:
    """Return upper confidence bounds of s*, at joint `level` over all points (Bonferroni)."""
    each = 1 - (1 - level) / len(points)
    return [p.critical_temperature_interval(each)[1] for p in points]


def growth_of(points: Sequence[PointMeasurement], values: Sequence[float]) -> GrowthFit | None:
    """Fit the growth exponent of `values` over the points' radii; zeros count as the smallest number."""
    return fit_growth([[(p.radius, max(v, SMALLEST)) for p, v in zip(points, values, strict=True)]])


def bounded_family(points: Sequence[PointMeasurement], temperatures: Sequence[float], level: float) -> BoundedFamily | None:
    """Say why Ψ_s stays bounded over the last decade of a family, or None if that is not shown.

    Args:
        points: measurements along a family, by increasing radius.
        temperatures: the s that count; empty for every s > 0, where one s is enough.
        level: joint confidence over all points.
    """
    last = last_decade(points)
    if len(last) < 3 or last[-1].radius < _DECADE * min(p.radius for p in last):
        return None
    return _by_temperature(last, temperatures, level) or _by_gradient(last, temperatures, level)


def _by_temperature(last: list[PointMeasurement], temperatures: Sequence[float], level: float) -> BoundedFamily | None:
    uppers = upper_critical_temperatures(last, level)
    bound = max(uppers)
    if bound == float("inf"):
        return None
    fit = growth_of(last, uppers)
    if fit is None or fit.exponent > LARGEST_BOUNDED_EXPONENT or fit.interval(level)[1] > _LARGEST_UPPER_EXPONENT:
        return None
    hot = [s for s in temperatures if s > bound]
    if temperatures and not hot:
        return None
    # As for growing: a fall slower than r^−0.25 cannot be told from a constant there.
    falling = fit.interval(level)[1] < -LARGEST_BOUNDED_EXPONENT and not _decay_is_to_come(last)
    return BoundedFamily("temperature", min(hot) if hot else max(2 * bound, SMALLEST), falling, bound, fit)


def _decay_is_to_come(last: list[PointMeasurement]) -> bool:
    """Say whether the decay grows along a family but does not yet rule ‖∇F‖², of which it is a part that grows like r².

    s* may then fall only until it does.
    """
    first, end = (p.value - p.loss for p in (last[0], last[-1]))
    gradient = growth_of(last, [p.gradient_norm_squared for p in last])
    return end > 2 * first and (gradient is None or gradient.exponent < _RULED_BY_DECAY)


def _by_gradient(last: list[PointMeasurement], temperatures: Sequence[float], level: float) -> BoundedFamily | None:
    fit = growth_of(last, [p.gradient_norm_squared for p in last])
    if fit is None or fit.exponent > LARGEST_BOUNDED_EXPONENT or fit.interval(level)[1] > _LARGEST_UPPER_EXPONENT:
        return None
    temperature = temperatures[0] if temperatures else 1.0
    each = 1 - (1 - level) / len(last)
    uppers = [p.psi_interval(temperature, each)[1] for p in last]
    half = len(uppers) // 2
    # Bounded: the outer half of the decade does not exceed the inner half by more than a quarter.
    allowed = 1.25 * max(0.0, *uppers[: half + 1]) + 1e-12
    if max(uppers[half + 1 :]) > allowed:
        return None
    return BoundedFamily("gradient", temperature, not temperatures, max(uppers), fit)
