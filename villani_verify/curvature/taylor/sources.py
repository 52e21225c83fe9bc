"""Second-order terms in a compact form: most are only multiplied with an adjoint, and need never be a tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from villani_verify.curvature.kernels import kernels_for
from villani_verify.curvature.probe_signs import PatternedSigns


class Source(Protocol):
    """A stack of G tensors of one shape."""

    def dense(self, shape: torch.Size) -> Tensor:
        """Return them, shape (G, *shape)."""

    def inner(self, adjoint: Tensor) -> Tensor:
        """Return the inner product of each with a tensor of their shape, float64, shape (G,)."""


@dataclass(frozen=True)
class Columns:
    """Tensors that are zero but for some columns.

    Attributes:
        places: of the columns, each once.
        values: (G, …, len(places)).
    """

    places: Tensor
    values: Tensor

    def dense(self, shape: torch.Size) -> Tensor:
        """Return the stack with all its columns."""
        whole = self.values.new_zeros((*self.values.shape[:-1], shape[-1]))
        whole[..., self.places] = self.values
        return whole

    def inner(self, adjoint: Tensor) -> Tensor:
        """Return Σ adjoint · source for each."""
        return inner(self.values, adjoint[..., self.places])


@dataclass(frozen=True)
class Squares:
    """f a_k², what an elementwise function with half the second derivative f makes of first-order coefficients.

    Attributes:
        factor: f, of the shape of one a.
        roots: a, shape (K, …).
    """

    factor: Tensor
    roots: Tensor

    def dense(self, shape: torch.Size) -> Tensor:
        """Return them."""
        return (self.roots * self.roots).mul_(self.factor)

    def inner(self, adjoint: Tensor) -> Tensor:
        """Return Σ Ā f a² for each."""
        kernels = kernels_for(adjoint.device)
        if kernels is None or self.roots.dtype != adjoint.dtype:
            return inner(self.dense(adjoint.shape), adjoint)
        return kernels.inner(self.roots, adjoint * self.factor, squared=True)


@dataclass(frozen=True)
class PatternedProducts:
    """x_k V_k for matrices of patterned signs.

    Attributes:
        x: (K, T, features).
        signs: `V`.
    """

    x: Tensor
    signs: PatternedSigns

    def dense(self, shape: torch.Size) -> Tensor:
        """Return the products."""
        whole = self.x.new_zeros((*self.x.shape[:-1], shape[-1]))
        self.signs.add_product(whole, self.x)
        return whole

    def inner(self, adjoint: Tensor) -> Tensor:
        """Return ⟨Ā, x V⟩; where V is transposed as ⟨Ā diag(s) P, x gᵀ⟩, without a tensor of the size of x Vᵀ."""
        if not self.signs.transposed:
            return inner(self.dense(adjoint.shape), adjoint)
        products = torch.matmul(self.x, self.signs.patterns.mT).mul_(self.signs.folded(adjoint))
        return products.flatten(1).sum(1, dtype=torch.float64)


def inner(sources: Tensor, adjoint: Tensor) -> Tensor:
    """Return Σ adjoint · source for each tensor of a stack (G, *S), float64."""
    for dim in range(adjoint.dim()):
        if sources.stride(dim + 1) == 0 and sources.shape[dim + 1] > 1:  # expanded: the same all along
            sources, adjoint = sources.narrow(dim + 1, 0, 1), adjoint.sum(dim, keepdim=True, dtype=torch.float64)
    kernels = kernels_for(sources.device)
    if kernels is not None:
        return kernels.inner(sources, adjoint)
    # In pieces of one line: sums over a vocabulary in float32 would lose digits.
    return torch.stack([(source * adjoint).sum(dtype=torch.float64) for source in sources])
