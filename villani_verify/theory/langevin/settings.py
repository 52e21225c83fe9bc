"""How chains are run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from villani_verify.errors import RequestError

STARTS = ("reference", "gaussian", "mixed")


@dataclass(frozen=True)
class ChainSettings:
    """How chains are run.

    Attributes:
        temperature: s.
        step_size: η, in units of time.
        chains: M.
        steps: N, the last step that is recorded; may be raised when a run is resumed.
        seed: address of all noise.
        start: "reference": θ₀; "gaussian": N(0, s/(2λ)) for each number, the measure where L = 0, each draw halved until
            F ≤ F(θ₀) + d·s, as where L is steep the scheme explodes from further out; "mixed": half of each.
        record_every: steps from one record to the next.
        substeps: addressed increments in the noise of one step; see `AddressedNoise`.
        batch: rows of a mini-batch; None for the exact gradient.
    """

    temperature: float
    step_size: float
    chains: int
    steps: int
    seed: int = 0
    start: str = "reference"
    record_every: int = 1
    substeps: int = 1
    batch: int | None = None

    @property
    def from_reference(self) -> NDArray[np.bool_]:
        """Which chains start at θ₀, shape (M,)."""
        numbers = np.arange(self.chains)
        # In pairs, so that the even and the odd chains have as many of each kind.
        return {"reference": numbers >= 0, "gaussian": numbers < 0, "mixed": numbers % 4 < 2}[self.start]


def check_settings(settings: ChainSettings) -> None:
    """Raise RequestError if a setting is out of range."""
    for what, number in (("temperature", settings.temperature), ("step size", settings.step_size)):
        if not (math.isfinite(number) and number > 0):
            raise RequestError(f"{what} {number}: it is not a positive finite number; give one such as 0.01")
    counts = {"chains": settings.chains, "steps": settings.steps, "steps between records": settings.record_every}
    for what, count in counts.items():
        if count < 1:
            raise RequestError(f"{what} {count}: there must be at least one; give a larger number")
    if settings.start not in STARTS:
        raise RequestError(f"start {settings.start!r}: unknown; choose one of {', '.join(STARTS)}")
