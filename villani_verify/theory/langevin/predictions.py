"""What theory says about the rates, to be set beside what is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass


def rate_of(poincare: float, temperature: float) -> float:
    """Return γ = (s/2)/C_P, the rate of dθ = −∇F dt + √s dW in L²(μ), μ ∝ exp(−2F/s); see `spectral_gap`."""
    return temperature / 2 / poincare


@dataclass(frozen=True)
class QuadraticChain:
    """Closed forms for the chain θ_{k+1} = θ_k − ηλθ_k + √(ηs) ξ_k of F = λ‖θ‖²/2 in d dimensions.

    Each coordinate is an autoregression with factor q = 1 − ηλ: v = q²v + ηs gives v = ηs/(1 − q²) = s/(2λ(1 − ηλ/2)). As η → 0 the
    variance is s/(2λ), F_∞ = ds/4, the rate of θ is λ and that of F and ‖θ‖² is 2λ, and C_P = s/(2λ).

    Attributes:
        weight_decay: λ.
        temperature: s.
        step_size: η < 2/λ.
        dimension: d.
    """

    weight_decay: float
    temperature: float
    step_size: float
    dimension: int = 1

    @property
    def factor(self) -> float:
        """The factor q = 1 − ηλ; the autocorrelation of θ after k steps is qᵏ, that of F and ‖θ‖² is q²ᵏ."""
        return 1 - self.step_size * self.weight_decay

    @property
    def variance(self) -> float:
        """s/(2λ(1 − ηλ/2)), of each coordinate."""
        return self.temperature / (2 * self.weight_decay * (1 - self.step_size * self.weight_decay / 2))

    @property
    def limit(self) -> float:
        """F_∞ = dλ/2 times the variance."""
        return self.dimension * self.weight_decay * self.variance / 2

    @property
    def rate(self) -> float:
        """−log q/η, of θ; F and ‖θ‖² have twice that."""
        return -math.log(self.factor) / self.step_size

    @property
    def poincare(self) -> float:
        """(s/2)/rate, which the lagged autocorrelation of this chain tends to."""
        return self.temperature / 2 / self.rate
