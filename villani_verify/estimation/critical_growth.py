"""The growth exponent of s* along rays, with the probes' error."""

from __future__ import annotations

from collections.abc import Sequence

from villani_verify.estimation.growth import SMALLEST, GrowthFit, fit_noisy_growth
from villani_verify.estimation.psi import PointMeasurement


def critical_temperature_growth(rays: Sequence[Sequence[PointMeasurement]]) -> GrowthFit | None:
    """Fit s* ≈ c r^p with one p for all rays; points with s* = ∞ are left out, and 0 counts as the smallest number.

    log s* = log‖∇F‖² − log ΔF, of which only the last has an error: sample x_k moves it by −(x_k − x̄)/ΔF to first order.
    Points of a ray may share their probes; different rays may not.
    """
    return fit_noisy_growth([[(p.radius, max(p.critical_temperature, SMALLEST), _influences(p)) for p in ray] for ray in rays])


def _influences(p: PointMeasurement) -> list[float]:
    mean = p.laplacian.value
    return [(mean - x) / mean for x in p.laplacian.samples] if mean > 0 else []
