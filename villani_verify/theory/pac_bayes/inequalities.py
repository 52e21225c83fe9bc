"""Three PAC-Bayes inequalities, as functions of numbers: empirical loss, divergence, sample size, failure probability.

In all of them the loss is in [0, 1], the sample has n independent draws of one distribution, the prior P was chosen before the
sample, and L̂(Q) and L(Q) are the posterior's mean loss on the sample and on the distribution. With probability 1 − δ over the
sample the bound holds for *every* posterior Q at once, so that Q may be chosen with the sample in view.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from villani_verify.errors import RequestError
from villani_verify.theory.pac_bayes.binary_kl import kl_inverse_upper

FEWEST = 8
"""Maurer proved E exp(n kl(L̂‖L)) ≤ 2√n for n ≥ 8."""

BETAS = tuple(2.0**k for k in range(-6, 5))
"""Catoni's β from 1/64 to 16, fixed before any data. The best of them may be chosen at the price ln 11."""


def maurer_seeger(loss: float, divergence: float, n: int, delta: float) -> float:
    """Return the p ≥ L̂ with kl(L̂‖p) = (KL(Q‖P) + ln(2√n/δ))/n.

    Source: Seeger (2002) with (n + 1) in place of 2√n; Maurer (2004), Theorem 5, for n ≥ 8.

    Args:
        loss: L̂(Q) in [0, 1], or an upper bound of it, as the inverse grows with it.
        divergence: KL(Q‖P) ≥ 0 in nats.
        n: number of independent draws, at least 8.
        delta: in (0, 1).

    Raises:
        RequestError: if n or δ is out of range, or the divergence is not finite.
    """
    return kl_inverse_upper(loss, _per_draw(divergence, n, delta))


def mcallester(loss: float, divergence: float, n: int, delta: float) -> float:
    """Return L̂ + √((KL(Q‖P) + ln(2√n/δ))/(2n)), which may exceed 1.

    Source: McAllester (1999), with Maurer's (2004) constant. It follows from `maurer_seeger` by Pinsker's inequality
    kl(q‖p) ≥ 2(p − q)², and so is never below it. Arguments and errors as there.
    """
    return loss + math.sqrt(_per_draw(divergence, n, delta) / 2)


def catoni(loss: float, divergence: float, n: int, delta: float, beta: float) -> float:
    """Return (1 − exp(−β L̂ − (KL(Q‖P) + ln(1/δ))/n))/(1 − exp(−β)), for one β > 0 fixed before the sample; it may exceed 1.

    Source: Catoni (2007), Theorem 1.2.6, as Germain, Lacasse, Laviolette and Marchand (2009), Corollary 2.2, state it. It has no
    condition on n; 8 is asked for as by the others, so that they stand side by side. Other arguments and errors as of
    `maurer_seeger`.

    Raises:
        RequestError: also if β is not positive and finite.
    """
    _check(divergence, n, delta)
    if not (math.isfinite(beta) and beta > 0):
        raise RequestError(f"Catoni's β {beta}: it is not a positive finite number; give one such as 1")
    return math.expm1(-beta * loss - (divergence - math.log(delta)) / n) / math.expm1(-beta)


def catoni_best(loss: float, divergence: float, n: int, delta: float, betas: Sequence[float] = BETAS) -> float:
    """Return the least of Catoni's bounds over a grid of β fixed before the sample, each at δ divided by the size of the grid."""
    check_delta(delta)
    return min(catoni(loss, divergence, n, delta / len(betas), beta) for beta in betas)


Inequality = Callable[[float, float, int, float], float]
MAIN = "maurer-seeger"
"""The one that certificates are read from, chosen before any number was seen. The least of three would need a union bound."""
INEQUALITIES: Mapping[str, Inequality] = MappingProxyType({MAIN: maurer_seeger, "catoni": catoni_best, "mcallester": mcallester})
"""Name in results → bound of (loss, divergence, n, δ). Each holds with probability 1 − δ; all three at once need not."""


def check_sample(n: int) -> None:
    """Raise RequestError if the sample is smaller than the inequalities allow."""
    if n < FEWEST:
        raise RequestError(f"sample of {n} sequences: the inequalities need at least {FEWEST}; give more with --sequences")


def check_delta(delta: float, name: str = "delta") -> None:
    """Raise RequestError if a failure probability is not strictly between 0 and 1."""
    if not 0 < delta < 1:
        raise RequestError(f"{name} {delta}: it is not strictly between 0 and 1; give one such as 0.04")


def _per_draw(divergence: float, n: int, delta: float) -> float:
    """Return (KL + ln(2√n/δ))/n."""
    _check(divergence, n, delta)
    return (divergence + math.log(2 * math.sqrt(n) / delta)) / n


def _check(divergence: float, n: int, delta: float) -> None:
    check_sample(n)
    check_delta(delta)
    if not (math.isfinite(divergence) and divergence >= 0):
        raise RequestError(f"divergence {divergence} of posterior and prior: it is not a finite number ≥ 0; mend their variances")
