"""Derivatives of F at many points of a landscape of few parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad, hessian, vmap

from villani_verify.errors import LandscapeError
from villani_verify.landscape import Landscape
from villani_verify.theory.at_once import points_at_once
from villani_verify.theory.layout import Layout

Numbers = NDArray[np.float64]

_SHOWN = 4


@dataclass(frozen=True)
class Derivatives:
    """∇F and ∇²F at n points.

    Attributes:
        gradient: (n, d) float64.
        hessian: (n, d, d) float64.
    """

    gradient: Numbers
    hessian: Numbers

    @cached_property
    def eigenvalues(self) -> Numbers:
        """(n, d) eigenvalues of ∇²F at each point, ascending."""
        return np.asarray(np.linalg.eigvalsh(self.hessian))

    @property
    def smallest(self) -> Numbers:
        """(n,) smallest eigenvalue of ∇²F at each point."""
        return np.asarray(self.eigenvalues[:, 0])

    @property
    def largest(self) -> Numbers:
        """(n,) spectral norm of ∇²F at each point."""
        return np.asarray(np.abs(self.eigenvalues).max(axis=1))

    def psi(self, temperature: float) -> Numbers:
        """(n,) Ψ_s = ‖∇F‖²/s − ΔF at each point."""
        laplacian = np.trace(self.hessian, axis1=1, axis2=2)
        return np.asarray((self.gradient**2).sum(axis=1) / temperature - laplacian)


def derivatives_at(landscape: Landscape, points: Numbers) -> Derivatives:
    """Return ∇F and ∇²F, dense: d² numbers a point.

    Args:
        landscape: of few parameters; its loss must be twice differentiable by `torch.func`.
        points: (n, d) float64, in the order of the landscape's tensors.

    Raises:
        LandscapeError: if a derivative is not finite, with the place.
    """
    layout = Layout(landscape)
    decays = torch.from_numpy(layout.exact_decay)

    def loss(theta: Tensor) -> Tensor:
        named = layout.point(theta)
        return torch.as_tensor(sum(w * landscape.loss_function(named, b) for w, b in landscape.weighted_batches()))

    given = torch.from_numpy(np.ascontiguousarray(points)).to(landscape.device, landscape.dtype)
    first, second = grad(loss), hessian(loss)
    # Each column of the Hessian repeats value and gradient, with their derivatives.
    size = points_at_once(landscape, 4 * len(decays))
    try:
        gradients, hessians = vmap(first, chunk_size=size)(given), vmap(second, chunk_size=size)(given)
    except RuntimeError:  # branches on values, or an operation that cannot be batched: one by one
        gradients, hessians = torch.stack([first(x) for x in given]), torch.stack([second(x) for x in given])
    given = given.to("cpu", torch.float64)
    gradients = gradients.to("cpu", torch.float64) + given * decays
    hessians = hessians.to("cpu", torch.float64) + torch.diag(decays)
    wrong = ~(gradients.isfinite().all(dim=1) & hessians.isfinite().all(dim=(1, 2)))
    if wrong.any():
        where = [float(x) for x in given[int(wrong.nonzero()[0])][:_SHOWN]]
        raise LandscapeError(
            f"derivatives of landscape {landscape.name!r} at {where}{' …' if len(decays) > _SHOWN else ''}: they are not finite; "
            "mend the function, or use --dtype float64"
        )
    return Derivatives(gradients.numpy(), hessians.numpy())
