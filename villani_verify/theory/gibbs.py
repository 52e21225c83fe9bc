"""The measure that noisy gradient descent samples: density ∝ exp(−U) with U = 2F/s.

The convention is that of Shi, Su and Jordan (2020): dθ = −∇F dt + √s dW, with generator 𝓛f = −⟨∇F, ∇f⟩ + (s/2)Δf. It is
reversible for μ ∝ exp(−2F/s), and s = 2 gives μ ∝ exp(−F). All constants of this package belong to μ and the Dirichlet form
∫‖∇f‖² dμ:

    Poincaré        Var_μ(f)   ≤   C_P ∫‖∇f‖² dμ
    log-Sobolev     Ent_μ(f²)  ≤ 2 C_LS ∫‖∇f‖² dμ,     which implies C_P ≤ C_LS.

A Gaussian N(0, I/κ) has C_P = C_LS = 1/κ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape


@dataclass(frozen=True)
class Gibbs:
    """A Gibbs measure by its numbers alone.

    Attributes:
        dimension: d ≥ 1.
        weight_decay: λ > 0, the least over the parameters.
        temperature: s > 0.
    """

    dimension: int
    weight_decay: float
    temperature: float = 2.0

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise RequestError(f"dimension {self.dimension}: it is not at least 1; give the number of parameters")
        if not 0 < self.temperature < math.inf:
            raise RequestError(f"temperature {self.temperature:g}: it is not a positive number; give s > 0")
        if not 0 < self.weight_decay < math.inf:
            raise RequestError(
                f"weight decay {self.weight_decay:g}: exp(−2F/s) need not have a finite integral; give every parameter λ > 0"
            )
        if not 0 < self.confinement < math.inf:
            raise RequestError(
                f"weight decay {self.weight_decay:g} at temperature {self.temperature:g}: 2λ/s is out of the range of float64; "
                "give numbers nearer to one"
            )

    @classmethod
    def of(cls, landscape: Landscape, temperature: float = 2.0) -> Gibbs:
        """Return the measure of a landscape.

        Raises:
            RequestError: if a parameter is not decayed, so that the measure need not be finite.
        """
        if landscape.smallest_decay <= 0:
            name = landscape.undecayed[0] if landscape.undecayed else min(landscape.decay, key=lambda n: landscape.decay[n])
            raise RequestError(
                f"weight decay of {name!r} in landscape {landscape.name!r}: {landscape.decay[name]:g} is not positive, and "
                "exp(−2F/s) need not have a finite integral; give every parameter λ > 0"
            )
        return cls(landscape.dimension, landscape.smallest_decay, temperature)

    @property
    def confinement(self) -> float:
        """2λ/s, by which the decay makes U convex."""
        return 2 * self.weight_decay / self.temperature

    @property
    def scale(self) -> float:
        """2/s, with which U = (2/s) F."""
        return 2 / self.temperature
