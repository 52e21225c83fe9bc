"""Up to which step size gradient descent is stable at θ₀: 2/‖∇²F‖, from a short Lanczos run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from villani_verify.curvature.hessian_vector import stacked_products
from villani_verify.curvature.probes import derive_seed, normals
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.theory.layout import Layout

LANCZOS_STEPS = 32
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


def curvature_at_start(landscape: Landscape, *, seed: int = 0, steps: int = LANCZOS_STEPS) -> Curvature:
    """Return the extreme Ritz values of ∇²F(θ₀) after min(d, steps) steps of Lanczos with full reorthogonalisation.

    θ ← θ − η∇F(θ) multiplies the component along an eigenvector of eigenvalue h by 1 − ηh, so it grows for every η > 2/h.
    The decay part of the product, λv, is exact. Lanczos (1950); Golub and Van Loan, Matrix Computations, chapter 10.

    Args:
        landscape: F.
        seed: address of the start vector.
        steps: at most so many Hessian-vector products.
    """
    layout = Layout(landscape)
    start = layout.row(landscape.initial)
    vector = normals("lanczos start", start.shape, seed=derive_seed(seed, "stability"), index=0, like=start).to(torch.float64)
    basis: list[Tensor] = [vector / torch.linalg.vector_norm(vector)]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(start.numel(), steps)):
        product = _product(landscape, layout, basis[-1].to(start.dtype)).to(torch.float64)
        diagonal.append(float(product @ basis[-1]))
        stacked = torch.stack(basis)
        for _ in range(2):  # once loses half the digits where the spectrum is wide
            product = product - stacked.T @ (stacked @ product)
        length = float(torch.linalg.vector_norm(product))
        if not math.isfinite(length) or length <= 1e-10 * max(map(abs, diagonal)):
            break
        beside.append(length)
        basis.append(product / length)
    size = len(diagonal)
    matrix = np.diag(diagonal) + np.diag(beside[: size - 1], 1) + np.diag(beside[: size - 1], -1)
    if not np.isfinite(matrix).all():
        raise RequestError(f"curvature of landscape {landscape.name!r} at its start: it is not finite; use --dtype float64")
    values, vectors = np.linalg.eigh(matrix)
    softest = torch.stack(basis[:size]).T @ torch.from_numpy(vectors[:, 0]).to(start.device)
    return Curvature(float(values[0]), float(values[-1]), softest, size)


def check_step_size(step_size: float, curvature: Curvature) -> None:
    """Raise RequestError unless 0 < η < 2/‖∇²F(θ₀)‖."""
    if not (math.isfinite(step_size) and step_size > 0):
        raise RequestError(f"step size {step_size}: it is not a positive finite number; leave it out for a stable one")
    if step_size >= curvature.stability_limit:
        raise RequestError(
            f"step size {step_size:.4g}: at the start the chain is stable only below 2/‖∇²F‖ = {curvature.stability_limit:.4g}; "
            f"give a smaller one, or leave it out for {STEP_FRACTION * curvature.stability_limit:.3g}"
        )


def _product(landscape: Landscape, layout: Layout, vector: Tensor) -> Tensor:
    directions = {n: t[None] for n, t in layout.point(vector).items()}
    found = stacked_products(landscape, landscape.initial, directions)
    return layout.row({n: t[0] for n, t in found.items()}) + layout.decay * vector
