"""Ritz values of one Lanczos run: a quadrature of the start's spectral measure, with residuals and the mark of ghosts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh_tridiagonal, eigvalsh_tridiagonal

from villani_verify.theory.spectrum.lanczos import Array, Tridiagonal


@dataclass(frozen=True)
class Ritz:
    """Eigenvalues θ_j of T, rising, with what is known of each.

    The nodes θ_j and weights w_j = (first component of the eigenvector)² are the k-point Gauss quadrature of μ, the measure
    with mass (q_iᵀv_1)² on each eigenvalue λ_i of A: exact for polynomials of degree 2k − 1 (Golub and Meurant 2010).

    Attributes:
        values: θ_j.
        weights: w_j, adding up to one.
        residuals: `β_k |last component|`: an eigenvalue of A lies within this of θ_j, for orthonormal v_j.
        ghost: whether the test of Cullum and Willoughby calls θ_j spurious; never with full reorthogonalisation.
        log_scale: Σ_j log β_j, so that `log |p_k(t)| = Σ_j log |t − θ_j| − log_scale`; −∞ where exhausted.
        start_norm_squared: see `Tridiagonal`, as are the next two.
        exhausted: whether the Krylov space is invariant.
        rounding: by how much rounding of the products may move eigenvalues.
    """

    values: Array
    weights: Array
    residuals: Array
    ghost: npt.NDArray[np.bool_]
    log_scale: float
    start_norm_squared: float
    exhausted: bool
    rounding: float

    def shifted(self, constant: float) -> Ritz:
        """Return the Ritz values of A + cI from the same start."""
        return replace(self, values=self.values + constant)

    def log_next_polynomial(self, t: float) -> float:
        """Return `log |p_k(t)|`, where v_{k+1} = p_k(A) v_1."""
        with np.errstate(divide="ignore"):
            return float(np.log(np.abs(t - self.values)).sum()) - self.log_scale


def ritz_values(matrix: Tridiagonal, *, orthogonal: bool = True) -> Ritz:
    """Return the eigenvalues of T with their weights and residuals.

    Args:
        matrix: `T`.
        orthogonal: whether the vectors were reorthogonalised; if not, ghosts are looked for.
    """
    inner = matrix.off_diagonal[:-1]
    values, vectors = eigh_tridiagonal(matrix.diagonal, inner)
    with np.errstate(divide="ignore"):
        log_scale = -math.inf if matrix.exhausted else float(np.log(matrix.off_diagonal).sum())
    return Ritz(
        values=values,
        weights=vectors[0] ** 2,
        residuals=matrix.off_diagonal[-1] * np.abs(vectors[-1]),
        ghost=np.zeros(len(values), dtype=bool) if orthogonal else ghosts(matrix, values),
        log_scale=log_scale,
        start_norm_squared=matrix.start_norm_squared,
        exhausted=matrix.exhausted,
        rounding=matrix.rounding,
    )


def ghosts(matrix: Tridiagonal, values: Array) -> npt.NDArray[np.bool_]:
    """Say which eigenvalues of T are spurious or repeated, for vectors that lost their orthogonality.

    Cullum and Willoughby (1985): an eigenvalue of T that occurs once is spurious if it is also an eigenvalue of T without its
    first row and column; one that occurs several times is genuine, once. "Occurs" means to the rounding of the run.

    Args:
        matrix: `T`.
        values: its eigenvalues, rising.

    Returns:
        Shape of `values`; true for those that do not count.
    """
    if len(values) < 2:
        return np.zeros(len(values), dtype=bool)
    tolerance = matrix.rounding
    without_first = eigvalsh_tridiagonal(matrix.diagonal[1:], matrix.off_diagonal[1:-1])
    near = np.searchsorted(without_first, values)
    gaps = [np.abs(values - without_first[np.clip(near + k, 0, len(without_first) - 1)]) for k in (-1, 0)]
    shared = np.minimum(*gaps) <= tolerance
    repeats = np.concatenate([[False], np.diff(values) <= tolerance])
    single = ~repeats & ~np.concatenate([repeats[1:], [False]])
    return repeats | (single & shared)
