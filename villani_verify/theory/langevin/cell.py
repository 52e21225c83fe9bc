"""What was measured at one weight decay and one temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from villani_verify.landscape import Landscape
from villani_verify.theory.bounds.das_dutta import das_dutta
from villani_verify.theory.gibbs import Gibbs
from villani_verify.theory.langevin.bias import Bias
from villani_verify.theory.langevin.predictions import rate_of
from villani_verify.theory.langevin.relaxation import Relaxation
from villani_verify.theory.langevin.sgld import GradientNoise
from villani_verify.theory.langevin.spectral_gap import SpectralGap
from villani_verify.theory.langevin.stability import Curvature

STATUSES = ("measured", "not_mixed", "diverged")


@dataclass(frozen=True)
class Cell:
    """What was measured at one λ and one s.

    Attributes:
        landscape: F with this λ.
        temperature: s.
        step_size: η.
        curvature: of F at θ₀.
        status: "measured"; "not_mixed", without a constant; "diverged", without any number.
        reason: of the last two.
        relaxation: decay of F(θ_t) from θ₀; None where no chain starts there.
        gap: lower bounds of C_P and rates.
        means_bias: bias of F and ‖θ‖² by the step size; empty where it was not measured.
        poincare_bias: bias of the lower bound of C_P.
        noise: of mini-batch gradients at θ₀.
        values: curve of F(θ_t).
        autocorrelations: name → curve.
    """

    landscape: Landscape
    temperature: float
    step_size: float
    curvature: Curvature
    status: str
    reason: str
    relaxation: Relaxation | None = None
    gap: SpectralGap | None = None
    means_bias: dict[str, Bias] | None = None
    poincare_bias: Bias | None = None
    noise: GradientNoise | None = None
    values: tuple[dict[str, Any], ...] = ()
    autocorrelations: dict[str, list[list[float]]] | None = None

    def as_dict(self, record_every: int) -> dict[str, Any]:
        """Return plain values."""
        between = self.step_size * record_every
        noise = self.noise
        return {
            "weight_decay": _decay_of(self.landscape),
            "temperature": self.temperature,
            "step_size": self.step_size,
            "curvature_at_start": {"smallest": self.curvature.smallest, "largest": self.curvature.largest},
            "stability_limit": self.curvature.stability_limit,
            "status": self.status,
            "reason": self.reason,
            "relaxation": None if self.relaxation is None else self.relaxation.as_dict(),
            "mixing_rate": None if self.gap is None else self.gap.as_dict(between),
            "discretisation_bias": {
                "means": {name: bias.as_dict() for name, bias in (self.means_bias or {}).items()},
                "poincare": None if self.poincare_bias is None else self.poincare_bias.as_dict(),
            },
            "predicted": self._predicted(),
            "gradient_noise": None if noise is None else {
                "batch": noise.batch, "rows": noise.rows, "trace": noise.trace, "largest_eigenvalue": noise.largest_eigenvalue,
                "heating": noise.heating(self.step_size, self.temperature),
            },
            "value_curve": list(self.values),
            "autocorrelation_curves": self.autocorrelations or {},
        }  # fmt: skip

    def _predicted(self) -> dict[str, Any]:
        smallest = self.landscape.smallest_decay
        if smallest <= 0:
            return {"decay_alone": None, "stated": None}
        bound = das_dutta(Gibbs(self.landscape.dimension, smallest, self.temperature)).value
        assert bound is not None  # it needs no more than these numbers
        low = None if self.gap is None or self.gap.poincare is None else self.gap.poincare.interval[0]
        return {
            # Where L = 0, and a lower bound of the gap where L is convex (Bakry and Émery 1985); wells make it slower.
            "decay_alone": {"poincare": self.temperature / (2 * smallest), "rate": smallest},
            "stated": {
                "poincare": bound,
                "rate": rate_of(bound, self.temperature),
                "violated": None if low is None else low > bound,
            },
        }  # fmt: skip


def _decay_of(landscape: Landscape) -> float | dict[str, float]:
    values = set(landscape.decay.values())
    return values.pop() if len(values) == 1 else dict(landscape.decay)
