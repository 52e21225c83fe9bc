"""Scaling symmetries of a loss: integer exponents α with L(r^α θ) = L(θ) for every r > 0 and θ, where (r^α θ)_t = r^{α_t} θ_t.

Differentiating in log r at r = 1 gives

    Σ_t α_t m_t(θ) = 0    with    m_t(θ) = ⟨θ_t, ∇_t L(θ)⟩    for every θ,

and this is enough, as r^α θ is one of these θ (Euler's theorem on homogeneous functions, for degree zero). So the symmetries are
the common null space of the rows m(θ_1), m(θ_2), … at random points: where L is analytic, a sum that vanishes at more of them than
there are tensors vanishes everywhere, with probability 1. Tensors that are switched off are zero at all the points, and what feeds
nothing else is then free to grow.

Nothing is read from names or types: the gain of a normalisation against the matrices after it, queries against keys, values against
outputs, and the layers of a perceptron whose activation is homogeneous all come out of one null space.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.curvature.probes import normals
from villani_verify.landscape import Landscape
from villani_verify.points import Point, root_mean_square

# More points than tensors, so that chance does not make a null vector.
_SPARE_POINTS = 4
_LARGEST_EXPONENT = 3
# Rounding of the sums m_t, in units of eps times the sum of their terms' sizes.
_ROUNDING = 1e4

Exponents = dict[str, int]


def scaling_symmetries(landscape: Landscape, names: Sequence[str], *, zeroed: Sequence[str] = (), seed: int = 0) -> list[Exponents]:
    """Return a basis of the scaling symmetries among some tensors that has small integer entries.

    Args:
        landscape: gives L; its decay plays no part.
        names: the tensors that may be scaled.
        zeroed: tensors that are switched off; not among those scaled.
        seed: of the random points.

    Returns:
        Tensor → exponent, zeros left out; empty if there is no symmetry. Vectors that are not integer, or whose exponents exceed 3
        in size, are left out.
    """
    scaled = [n for n in names if n not in zeroed]
    rows, sizes = _moments(landscape, scaled, zeroed, seed) if scaled else (torch.empty(0), torch.empty(0))
    if not len(rows):
        return []
    allowed = _ROUNDING * torch.finfo(landscape.dtype).eps
    largest = sizes.amax(0)
    moved = largest > allowed * float(largest.max())
    units = torch.where(moved, largest, torch.ones_like(largest))
    null = _null_space(torch.where(moved, rows, torch.zeros_like(rows)) / units, allowed) / units
    found = []
    for exponents in _small_integers(null):
        # Σ α_t m_t is zero up to the rounding of its terms, at every point.
        if bool(((rows @ exponents).abs() <= allowed * (sizes @ exponents.abs()) + 1e-300).all()):
            found.append({n: int(a) for n, a in zip(scaled, exponents.tolist(), strict=True) if a})
    return found


def _moments(landscape: Landscape, scaled: Sequence[str], zeroed: Sequence[str], seed: int) -> tuple[Tensor, Tensor]:
    """Return m_t(θ_k) and Σ_i |θ_i ∂_i L(θ_k)| of each tensor, shape (points, tensors), where they are finite."""
    rows, sizes = [], []
    for point in _points(landscape, len(scaled) + _SPARE_POINTS, zeroed, seed):
        loss, gradient = loss_and_gradient(landscape, point)
        products = [point[n].double() * gradient[n].double() for n in scaled]
        row = torch.stack([p.sum() for p in products]).cpu()
        if math.isfinite(loss) and bool(row.isfinite().all()):
            rows.append(row)
            sizes.append(torch.stack([p.abs().sum() for p in products]).cpu())
    if len(rows) <= len(scaled):
        return torch.empty(0), torch.empty(0)
    return torch.stack(rows), torch.stack(sizes)


def _points(landscape: Landscape, count: int, zeroed: Sequence[str], seed: int) -> Iterator[Point]:
    """Yield points around θ₀, each tensor moved by its own size, or by the typical size of all where it is zero."""
    typical = root_mean_square(landscape.initial)
    for k in range(count):
        point = {}
        for n, t in landscape.initial.items():
            size = root_mean_square({n: t}) or typical or 1.0
            noise = normals(f"symmetry {n}", t.shape, seed=seed, index=k, like=t)
            point[n] = torch.zeros_like(t) if n in zeroed else t + size * noise
        yield point


def _null_space(rows: Tensor, allowed: float) -> Tensor:
    """Return an orthonormal basis of {x: rows · x = 0}, one vector a row."""
    scaled = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-300)
    _, values, vectors = torch.linalg.svd(scaled, full_matrices=True)
    rank = int((values > allowed * math.sqrt(len(rows))).sum())
    return vectors[rank:]


def _small_integers(vectors: Tensor) -> Iterator[Tensor]:
    """Yield the rows of the reduced echelon form that are small integers."""
    rows = vectors.clone()
    done = 0
    for column in range(rows.shape[1]):
        if done == len(rows):
            break
        pivot = done + int(rows[done:, column].abs().argmax())
        if float(rows[pivot, column].abs()) < 1e-6 * float(rows.abs().max()):
            continue
        rows[[done, pivot]] = rows[[pivot, done]]
        rows[done] = rows[done] / rows[done, column]
        others = torch.arange(len(rows)) != done
        rows[others] -= rows[others, column : column + 1] * rows[done]
        done += 1
    for row in rows[:done]:
        for multiple in (1, 2, 3):  # where a gain is squared, the exponents of what makes up for it are halves
            rounded = (multiple * row).round()
            if bool((multiple * row - rounded).abs().max() < 1e-3) and 0 < float(rounded.abs().max()) <= _LARGEST_EXPONENT:
                yield rounded
                break
