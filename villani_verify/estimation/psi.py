"""Ψ_s and the critical temperature s* at one point, with intervals.

Ψ_s(θ) = −ΔF(θ) + ‖∇F(θ)‖²/s (Villani 2009, Hypocoercivity, Theorem A.1 in the form of Shi, Su and Jordan 2020,
dθ = −∇F dt + √s dW). With s*(θ) = ‖∇F‖²/ΔF where ΔF > 0 and +∞ elsewhere, Ψ_s(θ) > 0 exactly where s < s*(θ),
and Ψ_s = ‖∇F‖² (1/s − 1/s*): one number for each point covers every s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from villani_verify.curvature.engine_interface import Engine
from villani_verify.curvature.exact import exact_laplacian
from villani_verify.curvature.gradient import gradient_norms_squared
from villani_verify.errors import LandscapeError
from villani_verify.estimation.adaptive import laplacian_to_relative_error
from villani_verify.estimation.estimate import Estimate, Interval
from villani_verify.estimation.hutchinson import laplacian_estimate
from villani_verify.landscape import Landscape
from villani_verify.points import Point, norm


@dataclass(frozen=True)
class PointMeasurement:
    """What was measured at one θ.

    Attributes:
        radius: ‖θ‖.
        loss: L(θ), exact over the fixed batches.
        value: F(θ).
        loss_gradient_norm_squared: ‖∇L(θ)‖², exact.
        gradient_norm_squared: ‖∇F(θ)‖², exact.
        loss_laplacian: ΔL(θ).
        laplacian: ΔF(θ) = ΔL(θ) + Σ_t λ_t d_t.
    """

    radius: float
    loss: float
    value: float
    loss_gradient_norm_squared: float
    gradient_norm_squared: float
    loss_laplacian: Estimate
    laplacian: Estimate

    def psi(self, temperature: float) -> float:
        """Return the estimate of Ψ_s(θ) at s = `temperature`."""
        return -self.laplacian.value + self.gradient_norm_squared / temperature

    def psi_interval(self, temperature: float, level: float = 0.95) -> Interval:
        """Return the interval of Ψ_s(θ): only ΔF is uncertain, and it enters with a minus."""
        low, high = self.laplacian.interval(level)
        known = self.gradient_norm_squared / temperature
        return known - high, known - low

    @property
    def critical_temperature(self) -> float:
        """The estimate of s*(θ); may be infinite."""
        return critical_temperature(self.gradient_norm_squared, self.laplacian.value)

    def critical_temperature_interval(self, level: float = 0.95) -> Interval:
        """Return the interval of s*(θ).

        s* is a falling function of ΔF, so the ends of the interval of ΔF, mapped and swapped, have the same
        coverage; the upper end is infinite where the Laplacian may be zero or below.
        """
        low, high = self.laplacian.interval(level)
        return critical_temperature(self.gradient_norm_squared, high), critical_temperature(self.gradient_norm_squared, low)


def critical_temperature(gradient_norm_squared: float, laplacian: float) -> float:
    """Return s* = ‖∇F‖²/ΔF, infinite where ΔF ≤ 0."""
    return gradient_norm_squared / laplacian if laplacian > 0 else math.inf


def assemble(
    landscape: Landscape, point: Point, *, loss: float, plain: float, full: float, laplacian: Estimate
) -> PointMeasurement:
    """Put a measurement together from L, ‖∇L‖², ‖∇F‖² and ΔL.

    Raises:
        LandscapeError: if one of them is not finite, with the radius where that happened.
    """
    radius = norm(point)
    for what, number in (("loss", loss), ("gradient", full), ("Laplacian", laplacian.value)):
        if not math.isfinite(number):
            raise LandscapeError(
                f"{what} of landscape {landscape.name!r} at radius {radius:.4g}: {number} is not finite in "
                f"{laplacian.dtype}; use a smaller radius or --dtype float64"
            )
    landscape.check_non_negative(loss, f"loss of landscape {landscape.name!r} at radius {radius:.4g}")
    return PointMeasurement(
        radius=radius,
        loss=loss,
        value=loss + landscape.decay_value(point),
        loss_gradient_norm_squared=plain,
        gradient_norm_squared=full,
        loss_laplacian=laplacian,
        laplacian=laplacian.shifted(landscape.decay_laplacian),
    )


def exact_estimate(landscape: Landscape, laplacian: float) -> Estimate:
    """Wrap an exactly computed ΔL."""
    return Estimate.exact(
        laplacian,
        num_matvecs=landscape.dimension,
        method="exact",
        dtype=str(landscape.dtype).removeprefix("torch."),
        device=str(landscape.device),
    )


def measure_point(
    landscape: Landscape,
    point: Point,
    *,
    engine: Engine,
    seed: int,
    num_probes: int,
    exact_dimension: int = 64,
    target_relative_error: float | None = None,
    method: str = "auto",
) -> PointMeasurement:
    """Measure L, ‖∇F‖² and ΔF at θ.

    Args:
        landscape: gives F.
        point: θ.
        engine: computes vᵀ∇²L v.
        seed: address of the probes.
        num_probes: how many; not used where the Laplacian is exact or a target is given.
        exact_dimension: up to this d the Laplacian is computed exactly, with d quadratic forms.
        target_relative_error: draw until the 95 % interval of ΔL is within ± this fraction instead.
        method: how, then; see `laplacian_to_relative_error`.

    Raises:
        LandscapeError: if a measured number is not finite, or the loss is negative.
        DeviceError: if memory runs out even in the smallest chunks.
    """
    loss, plain, full = gradient_norms_squared(landscape, point)
    if landscape.dimension <= exact_dimension:
        laplacian = exact_estimate(landscape, exact_laplacian(landscape, point))
    elif target_relative_error is not None:
        laplacian = laplacian_to_relative_error(
            landscape, point, engine=engine, target=target_relative_error, seed=seed, method=method
        )
    else:
        laplacian = laplacian_estimate(landscape, point, engine=engine, num_probes=num_probes, seed=seed)
    return assemble(landscape, point, loss=loss, plain=plain, full=full, laplacian=laplacian)
