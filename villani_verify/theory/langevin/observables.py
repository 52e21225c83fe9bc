"""What is written down of a chain: F, ‖θ‖² and projections, with the inner products of their gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from villani_verify.curvature.probes import derive_seed, normals
from villani_verify.landscape import Landscape
from villani_verify.theory.inner_products import gram, row_products, wide_blocks
from villani_verify.theory.langevin.stability import Curvature

Array = NDArray[np.float64]
ALL_COORDINATES = 8
"""Up to this dimension every coordinate is an observable; above it, so many directions are drawn."""
_MOST_BYTES = 1 << 30
"""Of the directions in float64; larger ones have the landscape's dtype."""
_SCALARS = 4  # F, ‖θ‖², ‖∇F‖², θ·∇F


@dataclass(frozen=True)
class Observables:
    """Functions f of θ, of which each record keeps f(θ) and what is needed for ∇f·∇g.

    Attributes:
        names: of the functions: F, ‖θ‖², then one for each direction a, which is θ ↦ a·θ.
        directions: a, unit vectors within the rounding of their dtype, shape (q, d).
    """

    names: tuple[str, ...]
    directions: Tensor

    @property
    def columns(self) -> int:
        """Numbers in the record of one chain at one time."""
        return _SCALARS + 2 * len(self.directions)

    def record(self, states: Tensor, values: Tensor, gradients: Tensor) -> Array:
        """Return the record of M chains, shape (M, columns), from θ and ∇F of shape (M, d) and F of shape (M,)."""
        total = torch.zeros(len(states), self.columns - 1, dtype=torch.float64, device=states.device)
        for theta, slope, axes in wide_blocks(states, gradients, self.directions):
            squares = [torch.linalg.vecdot(a, b) for a, b in ((theta, theta), (slope, slope), (theta, slope))]
            total += torch.cat([torch.stack(squares, 1), theta @ axes.T, slope @ axes.T], 1)
        return torch.cat([values[:, None], total], 1).cpu().numpy()

    def series(self, records: Array) -> Array:
        """Return f(θ_t), shape (p, M, R), of records of shape (R, M, columns)."""
        count = len(self.directions)
        return np.concatenate([records[..., :2], records[..., _SCALARS : _SCALARS + count]], -1).transpose(2, 1, 0)

    def gradient_products(self, records: Array) -> Array:
        """Return the time averages of ∇f·∇g in each chain, shape (M, p, p), of records of shape (R, M, columns)."""
        count = len(self.directions)
        means = records.mean(0)
        norm_squared, slope_squared, radial = means[:, 1], means[:, 2], means[:, 3]
        along, slopes = means[:, _SCALARS : _SCALARS + count], means[:, _SCALARS + count :]
        products = np.zeros((len(means), 2 + count, 2 + count))
        products[:, 0, 0] = slope_squared
        products[:, 1, 1] = 4 * norm_squared  # ∇‖θ‖² = 2θ
        products[:, 0, 1] = products[:, 1, 0] = 2 * radial
        products[:, 0, 2:] = products[:, 2:, 0] = slopes
        products[:, 1, 2:] = products[:, 2:, 1] = 2 * along
        products[:, 2:, 2:] = gram(self.directions).cpu().numpy()
        return products


def observables_for(landscape: Landscape, curvature: Curvature | None, *, seed: int = 0) -> Observables:
    """Return F, ‖θ‖² and up to eight directions: every coordinate, or the softest direction of ∇²F(θ₀) and isotropic ones.

    Args:
        landscape: F.
        curvature: at θ₀; without it all directions are isotropic.
        seed: address of the isotropic directions, which are made orthonormal.
    """
    dimension = landscape.dimension
    if dimension <= ALL_COORDINATES:
        axes = torch.eye(dimension, dtype=torch.float64, device=landscape.device)
        return Observables(("F", "‖θ‖²", *(f"θ[{i}]" for i in range(dimension))), axes)
    dtype = torch.float64 if 8 * ALL_COORDINATES * dimension <= _MOST_BYTES else landscape.dtype
    place = derive_seed(seed, "observables")
    axes = torch.empty(ALL_COORDINATES, dimension, dtype=dtype, device=landscape.device)
    names = [f"direction {i}" for i in range(ALL_COORDINATES)]
    for i, row in enumerate(axes):
        row.copy_(normals("direction", (dimension,), seed=place, index=i, like=axes))
    if curvature is not None:
        axes[0], names[0] = curvature.softest, "softest direction"
    _orthonormalise(axes)
    return Observables(("F", "‖θ‖²", *names), axes)


def _orthonormalise(rows: Tensor) -> None:
    """Make rows orthonormal in place, by Gram and Schmidt twice: a decomposition would take several times their memory."""
    for i, row in enumerate(rows):
        for _ in range(2):
            for earlier in rows[:i]:
                row.sub_(earlier, alpha=float(row_products(earlier[None], row[None])))
            row.div_(float(row_products(row[None], row[None]).sqrt()))
