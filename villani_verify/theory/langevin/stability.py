"""Up to which step size gradient descent is stable at θ₀: 2/‖∇²F‖, from a short Lanczos run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from villani_verify.curvature.probes import derive_seed, normals
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.theory.spectrum.lanczos import lanczos
from villani_verify.theory.spectrum.operator import HessianOperator

LANCZOS_STEPS = 32
_LEAST_STEPS = 8
_MOST_BYTES = 8 << 30
"""Of Lanczos vectors. Where not all fit in float64, they have the landscape's dtype, and are as many as fit."""
STEP_FRACTION = 0.05
"""Default step size over the stability limit; the stationary variance of the stiffest direction is then 5 % too large."""


@dataclass(frozen=True)
class Curvature:
    """The ends of the spectrum of ∇²F at θ₀, as Ritz values: the true ends lie outside or on them.

    Attributes:
        smallest: smallest Ritz value.
        largest: largest Ritz value.
        softest: unit vector of the smallest, shape (d,).
        num_matvecs: Hessian-vector products spent.
    """

    smallest: float
    largest: float
    softest: Tensor
    num_matvecs: int

    @property
    def stability_limit(self) -> float:
        """2/‖∇²F‖, from below ‖∇²F‖ and so never smaller than the true limit at θ₀."""
        norm = max(abs(self.smallest), abs(self.largest))
        return 2 / norm if norm > 0 else math.inf

    def moved(self, by: float) -> Curvature:
        """Return the same with another λ of all parameters, larger by so much: every eigenvalue moves, exactly."""
        return replace(self, smallest=self.smallest + by, largest=self.largest + by)


def curvature_at_start(landscape: Landscape, *, seed: int = 0, steps: int = LANCZOS_STEPS) -> Curvature:
    """Return the extreme Ritz values of ∇²F(θ₀) after min(d, steps) steps of Lanczos with full reorthogonalisation.

    θ ← θ − η∇F(θ) multiplies the component along an eigenvector of eigenvalue h by 1 − ηh, so it grows for every η > 2/h.
    A decay that all tensors share is added to the results, exactly. Of 125 million parameters in float32 there are 17 steps.

    Args:
        landscape: F.
        seed: address of the start vector.
        steps: at most so many Hessian-vector products.
    """
    operator = _Recorded(HessianOperator(landscape, landscape.initial), landscape.dtype)
    steps = min(operator.dimension, steps)
    wide = 8 * steps * operator.dimension <= _MOST_BYTES
    dtype = torch.float64 if wide else landscape.dtype
    if not wide:
        steps = min(steps, max(_LEAST_STEPS, _MOST_BYTES // (dtype.itemsize * operator.dimension)))
    like = next(iter(landscape.initial.values()))
    start = normals("lanczos start", (operator.dimension,), seed=derive_seed(seed, "stability"), index=0, like=like)
    (found,) = lanczos(operator, start[None].to(dtype), steps)
    values, vectors = eigh_tridiagonal(found.diagonal, found.off_diagonal[:-1])
    softest = torch.zeros(operator.dimension, dtype=torch.float64, device=start.device)
    for weight, vector in zip(vectors[:, 0].tolist(), operator.asked, strict=True):
        softest.add_(vector, alpha=weight)
    shift = operator.hessian.shift
    return Curvature(float(values[0]) + shift, float(values[-1]) + shift, softest, found.steps)


class _Recorded:
    """∇²F − λI with products in the landscape's dtype whatever the vectors have; it remembers these, Lanczos' basis."""

    def __init__(self, hessian: HessianOperator, dtype: torch.dtype) -> None:
        self.hessian = hessian
        self.dimension = hessian.dimension
        self.asked: list[Tensor] = []
        self._dtype = dtype

    def products(self, vectors: Tensor) -> Tensor:
        """Return Av for the one row that there is."""
        self.asked.append(vectors[0])  # where Lanczos keeps it, as a copy would take as much memory again
        return self.hessian.products(vectors.to(self._dtype)).to(vectors.dtype)


def check_step_size(step_size: float, curvature: Curvature) -> None:
    """Raise RequestError unless 0 < η < 2/‖∇²F(θ₀)‖."""
    if not (math.isfinite(step_size) and step_size > 0):
        raise RequestError(f"step size {step_size}: it is not a positive finite number; leave it out for a stable one")
    if step_size >= curvature.stability_limit:
        raise RequestError(
            f"step size {step_size:.4g}: at the start the chain is stable only below 2/‖∇²F‖ = {curvature.stability_limit:.4g}; "
            f"give a smaller one, or leave it out for {STEP_FRACTION * curvature.stability_limit:.3g}"
        )
