"""Hutchinson's trace estimator with ±1 probes (Hutchinson 1990).

ΔL = E[vᵀ∇²L v] for independent signs v, with variance 2(‖H‖_F² − Σ_i H_ii²) for each probe (H = ∇²L): the
diagonal adds no noise. So the decay term, a multiple of the identity on each tensor, is exact. An engine may give samples of
less variance than quadratic forms; all that counts here is that they are independent and unbiased.
"""

from __future__ import annotations

from collections.abc import Sequence

from villani_verify.curvature.engine_interface import Engine
from villani_verify.estimation.estimate import Estimate
from villani_verify.landscape import Landscape
from villani_verify.points import Point


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
    return described(landscape, engine, engine.laplacian_samples(landscape, point, seed=seed, indices=range(num_probes)))


def described(landscape: Landscape, engine: Engine, samples: Sequence[float], *, method: str = "hutchinson") -> Estimate:
    """Return the mean of samples of ΔL as an estimate that says how they came about."""
    return Estimate.mean_of(
        samples,
        num_matvecs=len(samples),
        method=f"{method}, {engine.name}",
        dtype=str(landscape.dtype).removeprefix("torch."),
        device=str(landscape.device),
    )
