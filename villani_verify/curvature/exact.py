"""Exact Laplacians for small dimensions: the trace of the Hessian, basis vector by basis vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import grad, vjp, vmap

from villani_verify.curvature.gradient import gradient_norms_squared
from villani_verify.curvature.hessian_vector import stacked_forms
from villani_verify.curvature.sums import sum_or_nan
from villani_verify.landscape import Landscape
from villani_verify.points import Point

_NUMBERS_PER_PASS = 1 << 20
_NUMBERS_PER_SCAN = 1 << 18


def exact_laplacian(landscape: Landscape, point: Point) -> float:
    """Return ΔL(θ) = Σ_i e_iᵀ∇²L(θ)e_i, without sampling error, at the cost of d Hessian quadratic forms.

    Args:
        landscape: gives L.
        point: θ.
    """
    d = landscape.dimension
    per_pass = max(1, _NUMBERS_PER_PASS // d)
    sizes = [t.numel() for t in point.values()]
    forms: list[float] = []
    for rows in torch.eye(d, dtype=landscape.dtype, device=landscape.device).split(per_pass):
        parts = rows.split(sizes, dim=1)
        stacked = {n: part.reshape(-1, *t.shape) for (n, t), part in zip(point.items(), parts, strict=True)}
        forms += stacked_forms(landscape, point, stacked)
    return sum_or_nan(forms)


def exact_scan(landscape: Landscape, points: Sequence[Point]) -> list[tuple[float, float, float, float]]:
    """Return (L, ‖∇L‖², ‖∇F‖², ΔL) exactly at many points, all in one vectorised pass where the loss allows it.

    For fine scans of small landscapes. A loss that `torch.func.vmap` cannot take is done point by point.
    """
    if not points:
        return []
    if landscape.dimension > 64:
        return [_one(landscape, p) for p in points]
    try:
        rows: list[tuple[float, float, float, float]] = []
        per_pass = max(1, _NUMBERS_PER_SCAN // landscape.dimension**2)
        for start in range(0, len(points), per_pass):
            rows += _vectorised(landscape, points[start : start + per_pass])
        return rows
    except (RuntimeError, NotImplementedError, ValueError):
        # Data-dependent control flow cannot be vectorised.
        return [_one(landscape, p) for p in points]


def _one(landscape: Landscape, point: Point) -> tuple[float, float, float, float]:
    return (*gradient_norms_squared(landscape, point), exact_laplacian(landscape, point))


def vectorised_row(landscape: Landscape) -> Callable[[Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Return flat θ ↦ (L, ‖∇L‖², ‖∇F‖², ΔL), which `torch.func` can batch and differentiate.

    Args:
        landscape: of a small dimension: the whole Hessian is made.
    """
    sizes = [t.numel() for t in landscape.initial.values()]
    like = next(iter(landscape.initial.values()))
    decay = torch.cat([like.new_full((t.numel(),), landscape.decay[n]) for n, t in landscape.initial.items()])
    basis = torch.eye(landscape.dimension, dtype=like.dtype, device=like.device)

    def loss(theta: Tensor) -> Tensor:
        parts = theta.split(sizes)
        point = {n: part.reshape(t.shape) for (n, t), part in zip(landscape.initial.items(), parts, strict=True)}
        values = [w * landscape.loss_function(point, b) for w, b in landscape.weighted_batches()]
        return torch.stack([v.reshape(()) for v in values]).sum()

    def row(theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        # Reverse over reverse: at these sizes calls cost more than arithmetic, and forward mode takes several times as many.
        gradient, pull = vjp(grad(loss), theta)  # type: ignore[misc]
        hessian = vmap(lambda e: pull(e)[0])(basis)
        full = gradient + decay * theta
        return loss(theta), gradient @ gradient, full @ full, hessian.diagonal().sum()

    return row


def _vectorised(landscape: Landscape, points: Sequence[Point]) -> list[tuple[float, float, float, float]]:
    stacked = torch.stack([torch.cat([p[n].reshape(-1) for n in landscape.initial]) for p in points])
    columns = vmap(vectorised_row(landscape))(stacked)
    return [(float(a), float(b), float(c), float(e)) for a, b, c, e in zip(*(t.detach() for t in columns), strict=True)]
