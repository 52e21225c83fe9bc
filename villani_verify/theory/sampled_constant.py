"""A lower bound of the Poincaré constant from Langevin trajectories, where there are too many parameters for a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from villani_verify.errors import LandscapeError, RequestError
from villani_verify.estimation.estimate import Interval
from villani_verify.landscape import Landscape
from villani_verify.theory.langevin.study import study

MOST_DIMENSIONS = 1_000
CHAINS, STEPS = 20, 6_000


@dataclass(frozen=True)
class SampledConstant:
    """A lower bound of C_P with the interval of its noise.

    Attributes:
        value: extrapolated to a vanishing step where that could be measured.
        interval: of the value, over chains.
        level: confidence of the interval.
        chains: number of them.
        steps: of each.
        step_size: η.
        extrapolated: whether the bias of the step was measured and taken away to first order.
    """

    value: float
    interval: Interval
    level: float
    chains: int
    steps: int
    step_size: float
    extrapolated: bool

    @property
    def method(self) -> str:
        """How, in a few words."""
        bias = "extrapolated to η = 0" if self.extrapolated else f"at η = {self.step_size:.3g}"
        return f"autocorrelation of {self.chains} Langevin chains of {self.steps:,} steps, {bias}: a lower bound"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "value": self.value,
            "interval": list(self.interval),
            "level": self.level,
            "method": self.method,
            "is_lower_bound": True,
            "step_size": self.step_size,
        }


def sampled_constant(
    landscape: Landscape,
    temperature: float = 2.0,
    *,
    steps: int = STEPS,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> SampledConstant:
    """Return a lower bound of C_P of μ ∝ exp(−2F/s): no observable forgets more slowly than the spectral gap allows.

    An observable that nobody asked for may be slower yet, so C_P itself may be larger (see `langevin.spectral_gap`).

    Args:
        landscape: at most 1,000 parameters, each with λ > 0.
        temperature: s > 0.
        steps: of each of 20 chains.
        seed: address of the noise.
        progress: told (what, done, in all).

    Raises:
        RequestError: if there are more parameters, or a number makes no sense.
        LandscapeError: if the chains diverged or have not mixed: then no number is returned.
    """
    if landscape.dimension > MOST_DIMENSIONS:
        raise RequestError(
            f"landscape {landscape.name!r}: trajectories say nothing of a gap in {landscape.dimension:,} dimensions; give at most "
            f"{MOST_DIMENSIONS:,} parameters, or take a slice of at most three directions"
        )
    found = study(landscape, temperatures=(temperature,), chains=CHAINS, steps=steps, seed=seed, progress=progress)
    cell = found.cells[0]
    if cell.gap is None or cell.gap.poincare is None:
        remedy = (
            "raise the temperature"
            if cell.status == "diverged"
            else "give more --steps, or take a slice of at most three directions"
        )
        raise LandscapeError(f"Poincaré constant of landscape {landscape.name!r}: {cell.reason.rstrip('.')}; {remedy}")
    measured = cell.gap.poincare if cell.poincare_bias is None else cell.poincare_bias.extrapolated
    return SampledConstant(
        measured.value, measured.interval, measured.level, CHAINS, steps, cell.step_size, cell.poincare_bias is not None
    )
