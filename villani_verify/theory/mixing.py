"""How long noisy gradient descent takes, if a constant of its Gibbs measure is known: in time, and in discrete steps.

For dθ = −∇F dt + √s dW, whose law at time t is ρ_t,

    log-Sobolev:  KL(ρ_t‖μ) ≤ exp(−s t/C_LS) KL(ρ_0‖μ)
    Poincaré:     χ²(ρ_t‖μ) ≤ exp(−s t/C_P) χ²(ρ_0‖μ),     and KL ≤ log(1 + χ²),

as d/dt KL = −(s/2)·(Fisher information) and d/dt χ² = −s ∫‖∇(ρ_t/μ)‖² dμ (Bakry, Gentil and Ledoux 2014). At s = 2 these are the
rates 2/C of dX = −∇U dt + √2 dW.

The discretisation θ ← θ − η∇F + √(ηs) ξ is biased. For μ with log-Sobolev constant C_LS and ‖∇²F‖ ≤ M, with step size h = ηs/2,
α = 1/C_LS and smoothness 2M/s of U,

    KL(ρ_k‖μ) ≤ exp(−α h k) KL(ρ_0‖μ) + 8 h d (2M/s)²/α        for 0 < h ≤ α/(4 (2M/s)²)

(Vempala and Wibisono 2019), so that h = α/(4 (2M/s)²) · min(1, ε/(4d)) reaches KL ≤ ε after log(2 KL_0/ε)/(α h) steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from villani_verify.errors import RequestError
from villani_verify.theory.bounds.bound import Bound, Inequality
from villani_verify.theory.gibbs import Gibbs


@dataclass(frozen=True)
class MixingTime:
    """What a bound says of convergence.

    Attributes:
        bound: the bound's name.
        divergence: "KL" or "chi-squared", of which the initial value is meant.
        time: t after which it is at most ε, for the process in continuous time.
        step_size: η of the discretisation, which makes its bias at most ε/2; None where no smoothness is known, or no theorem
            applies.
        steps: after which the discretisation has KL ≤ ε; None likewise.
    """

    bound: str
    divergence: str
    time: float
    step_size: float | None
    steps: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "bound": self.bound,
            "divergence": self.divergence,
            "time": self.time,
            "step_size": self.step_size,
            "steps": self.steps,
        }


def check_divergences(initial: float, target: float) -> None:
    """Check an initial divergence and the one to be reached.

    Raises:
        RequestError: if they are not positive numbers with the target below the initial one.
    """
    if not 0 < initial < math.inf:
        raise RequestError(f"initial divergence {initial:g}: it is not a positive number; give KL(ρ_0‖μ) in nats")
    if not 0 < target < initial:
        raise RequestError(f"target {target:g}: it is not between 0 and the initial divergence {initial:g}; give a smaller ε > 0")


def mixing_time(gibbs: Gibbs, bound: Bound, *, initial: float, target: float, smoothness: float | None = None) -> MixingTime | None:
    """Return the time and the number of steps after which a bound promises a divergence of at most `target`.

    Args:
        gibbs: the measure.
        bound: on C_LS or C_P.
        initial: divergence at the start, KL in nats for a log-Sobolev bound, χ² for a Poincaré bound.
        target: ε > 0.
        smoothness: M ≥ ‖∇²F‖ everywhere, if one is known.

    Returns:
        None for a bound that does not apply.

    Raises:
        RequestError: if the divergences or the smoothness make no sense.
    """
    check_divergences(initial, target)
    if smoothness is not None and not 0 < smoothness < math.inf:
        raise RequestError(f"smoothness {smoothness:g}: it is not a positive number; give M with ‖∇²F‖ ≤ M")
    if bound.value is None or not bound.applies:
        return None
    s = gibbs.temperature
    time = bound.value / s * math.log(initial / target)
    if bound.inequality is Inequality.POINCARE:
        return MixingTime(bound.name, "chi-squared", time, None, None)
    if smoothness is None:
        return MixingTime(bound.name, "KL", time, None, None)
    alpha = 1 / bound.value
    h = alpha / (4 * (gibbs.scale * smoothness) ** 2) * min(1.0, target / (4 * gibbs.dimension))
    steps = math.log(2 * initial / target) / (alpha * h) if alpha * h > 0 else math.inf
    if not math.isfinite(steps):
        return MixingTime(bound.name, "KL", time, None, None)
    return MixingTime(bound.name, "KL", time, 2 * h / s, math.ceil(steps) if steps < 2**53 else steps)
