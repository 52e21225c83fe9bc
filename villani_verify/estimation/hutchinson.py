"""Hutchinson's trace estimator with ±1 probes (Hutchinson 1990), and when to stop drawing.

ΔL = E[vᵀ∇²L v] for independent signs v, with variance 2(‖H‖_F² − Σ_i H_ii²) for each probe (H = ∇²L): the
diagonal adds no noise. So the decay term, a multiple of the identity on each tensor, is exact. An engine may give samples of
less variance than quadratic forms; all that counts here is that they are independent and unbiased.
"""

from __future__ import annotations

import math
from dataclasses import replace

from villani_verify.curvature.engine import Engine
from villani_verify.estimation.estimate import Estimate
from villani_verify.landscape import Landscape
from villani_verify.points import Point

FIRST_LOOK = 10
"""Probes before the first look: below ten the Student-t interval covers too rarely."""


def laplacian_estimate(landscape: Landscape, point: Point, *, engine: Engine, num_probes: int, seed: int) -> Estimate:
    """Estimate ΔL(θ) from the probes 0 … `num_probes` − 1 of `seed`.

    Args:
        landscape: gives L.
        point: θ.
        engine: computes vᵀ∇²L v.
        num_probes: at least two; at least ten for an interval that covers.
        seed: address of the probes; another seed gives independent ones.

    Returns:
        Mean, standard error and the samples, num_probes − 1 degrees of freedom.

    Raises:
        ValueError: with fewer than two probes.
    """
    return _averaged(landscape, engine, engine.laplacian_samples(landscape, point, seed=seed, indices=range(num_probes)))


def laplacian_to_relative_error(
    landscape: Landscape,
    point: Point,
    *,
    engine: Engine,
    target: float,
    seed: int,
    level: float = 0.95,
    max_probes: int = 10_000,
) -> Estimate:
    """Draw probes until the interval of ΔL(θ) at `level` is at most ± `target`·|ΔL| wide.

    The estimate is looked at after 10, 20, 40, … probes. Looking repeatedly and stopping when the interval
    happens to be narrow covers too rarely, so look j (from 1) spends only the share 2^−j of 1 − `level`
    (a union bound over all looks): the interval keeps its level whenever the drawing stops.

    Args:
        landscape: gives L.
        point: θ.
        engine: computes vᵀ∇²L v.
        target: half-width over |value|, for instance 0.01.
        seed: address of the probes.
        level: confidence of the interval.
        max_probes: give up after so many; the interval is then wider than asked for, and says so by its width.
    """
    forms: list[float] = []
    share = 1.0
    while True:
        more = max(FIRST_LOOK, len(forms))
        forms += engine.laplacian_samples(landscape, point, seed=seed, indices=range(len(forms), len(forms) + more))
        share /= 2
        estimate = replace(_averaged(landscape, engine, forms), alpha_share=share)
        if not math.isfinite(estimate.value):
            return estimate
        low, high = estimate.interval(level)
        if (high - low) / 2 <= target * abs(estimate.value) or 2 * len(forms) > max_probes:
            return estimate


def _averaged(landscape: Landscape, engine: Engine, forms: list[float]) -> Estimate:
    return Estimate.mean_of(
        forms,
        num_matvecs=len(forms),
        method=f"hutchinson, {engine.name}",
        dtype=str(landscape.dtype).removeprefix("torch."),
        device=str(landscape.device),
    )
