"""From streamed probes to Ψ_s and s*, where ‖∇F‖² is an estimate as well.

Both ΔF and ‖∇F‖² have intervals, from the same probes. Each spends half of the error probability (Bonferroni), which needs no
independence; ratios and differences take the ends of both that are furthest apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from villani_verify.estimation.estimate import Estimate, Interval
from villani_verify.estimation.psi import critical_temperature
from villani_verify.runs.placed import Placed


@dataclass(frozen=True)
class StreamedPoint:
    """What streamed probes say of one θ.

    Attributes:
        radius: ‖θ‖.
        loss: L(θ), exact.
        value: F(θ), exact.
        gradient: ‖∇F(θ)‖², the mean of (v·∇F)².
        laplacian: ΔF(θ), the mean of vᵀ∇²L v, and Σ_t λ_t d_t.
    """

    radius: float
    loss: float
    value: float
    gradient: Estimate
    laplacian: Estimate

    @property
    def gradient_norm_squared(self) -> float:
        """The estimate of ‖∇F(θ)‖²."""
        return self.gradient.value

    @property
    def critical_temperature(self) -> float:
        """The estimate of s*(θ); may be infinite."""
        return critical_temperature(self.gradient.value, self.laplacian.value)

    def psi(self, temperature: float) -> float:
        """Return the estimate of Ψ_s(θ) at s = `temperature`."""
        return -self.laplacian.value + self.gradient.value / temperature

    def psi_interval(self, temperature: float, level: float) -> Interval:
        """Return the interval of Ψ_s = −ΔF + ‖∇F‖²/s."""
        (flat, steep), (low, high) = self._both(level)
        return flat / temperature - high, steep / temperature - low

    def critical_temperature_interval(self, level: float) -> Interval:
        """Return the interval of s* = ‖∇F‖²/ΔF; infinite where ΔF may be zero or below."""
        (flat, steep), (low, high) = self._both(level)
        return critical_temperature(flat, high), critical_temperature(steep, low)

    def _both(self, level: float) -> tuple[Interval, Interval]:
        each = 1 - (1 - level) / 2
        low, high = self.gradient.interval(each)
        return (max(0.0, low), high), self.laplacian.interval(each)


def streamed_point(landscape: Placed, parts: Sequence[Mapping[str, Any]], device: str) -> StreamedPoint | None:
    """Put a point together from its units, or return None if a number is not finite there.

    Args:
        landscape: with the weight decay of each tensor.
        parts: results of the units "streamed", in the order of their probes; the first has the loss.
        device: on which they were computed.
    """
    if any(part["forms"] is None for part in parts):
        return None
    decay, squares = landscape.decay, parts[0]["squares"]
    slopes = [
        slope + math.fsum(decay[name] * dots[k] for name, dots in part["dots"].items())
        for part in parts
        for k, slope in enumerate(part["slopes"])
    ]
    forms = [x for part in parts for x in part["forms"]]
    about: dict[str, Any] = {
        "num_matvecs": len(forms), "method": "campaign, streamed", "dtype": parts[0]["dtype"], "device": device
    }  # fmt: skip
    return StreamedPoint(
        radius=math.sqrt(math.fsum(squares.values())),
        loss=parts[0]["loss"],
        value=parts[0]["loss"] + landscape.decay_value(squares),
        gradient=Estimate.mean_of([s * s for s in slopes], **about),
        laplacian=Estimate.mean_of(forms, **about).shifted(landscape.decay_laplacian),
    )
