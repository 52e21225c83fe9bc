"""The Poincaré constant of a measure on a box, from finite volumes: a symmetric difference operator with reflecting walls.

Neighbouring cells i and j of mass exp(−U)h^d, with a wall e between them, exchange exp(−U_e)h^d/h². Divided by the roots of the
masses on both sides this is

    S = Σ_e exp(U_i − U_e)/h² on the diagonal, −exp((U_i + U_j)/2 − U_e)/h² for neighbours, with the h of the axis,

whose kernel is exp(−U/2), whose other eigenvalues are positive, and whose smallest of them tends to 1/C_P like h². U at a wall
comes from the cubic through the two cells on either side: the mean of U_i and U_j would be off by h²U''/8, five times what else
there is. The smallest eigenvalue is found by Lanczos' method on the inverse, on the complement of the kernel; then the quotient
∫‖∇f‖² dμ / Var(f) of its eigenfunction is summed wall by wall, where no terms cancel. In one dimension `line` finds the same
number to all digits, also where rounding hides the gap from a solver.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, cg, eigsh, splu

from villani_verify.errors import LandscapeError
from villani_verify.theory.poincare.box import Box
from villani_verify.theory.poincare.line import line_constant

Numbers = NDArray[np.float64]

_HIGHEST = 600.0
"""Cells that far above the lowest hold nothing, and their weights would overflow."""
_ROUNDING = 1e-3
"""Largest relative error of the gap that rounding may cause."""
_RESIDUAL, _MOST_STEPS = 1e-10, 5_000
"""Of conjugate gradients."""
_SHIFT = 1e-6
"""Of the inverse, as a share of the confinement: the kernel is projected out, but the factor must not be singular."""


def box_constant(box: Box, confinement: float) -> float:
    """Return the Poincaré constant of the chain of cells of a box.

    Args:
        box: the potential.
        confinement: 2λ/s, the scale to which a gap is compared.

    Raises:
        LandscapeError: if its wells are so deep that float64 cannot tell the gap from zero.
    """
    return _on_line(box) if box.dimension == 1 else _on_grid(box, confinement)


def _on_line(box: Box) -> float:
    u = box.potential - box.potential.min()
    held = np.flatnonzero(u <= _HIGHEST)
    u = u[held[0] : held[-1] + 1]
    if u.max() > _HIGHEST:
        raise LandscapeError(f"Poincaré constant: a barrier is {u.max():.0f} high, too high for float64; raise the temperature")
    log_h = math.log(float(box.spacings[0]))
    low, high = line_constant(-u + log_h, -at_walls(u, 0) - log_h)
    return math.sqrt(low * high)


def _on_grid(box: Box, confinement: float) -> float:
    u = np.minimum(box.potential - box.potential.min(), _HIGHEST)
    matrix = symmetric_operator(u, box.spacings)
    kernel = np.exp(-u.ravel() / 2)
    kernel /= np.linalg.norm(kernel)
    solve = _solver(matrix + _SHIFT * confinement * sp.identity(u.size, format="csc"), box.dimension)

    def inverse(x: Numbers) -> Numbers:
        y = solve(x - kernel * (kernel @ x))
        return y - kernel * (kernel @ y)

    start = np.random.default_rng(0).standard_normal(u.size)
    try:
        _, vectors = eigsh(LinearOperator(matrix.shape, matvec=inverse, dtype=np.float64), k=1, which="LA", v0=start, tol=1e-10)
    except ArpackError as e:
        raise LandscapeError("Poincaré constant: Lanczos' method did not converge; take a slice of fewer directions") from e
    vector = vectors[:, 0] - kernel * (kernel @ vectors[:, 0])
    gap = rayleigh_quotient(u, box.spacings, vector)
    # Symmetric elimination errs by about an ulp of each diagonal element (Demmel and Veselić 1992).
    rounding = math.ulp(1.0) * float(matrix.diagonal() @ vector**2) / float(vector @ vector)
    if not gap > 0 or rounding > _ROUNDING * gap:
        raise LandscapeError(
            f"Poincaré constant: the gap {gap:.1e} drowns in rounding ({rounding:.1e}) in {box.dimension} dimensions; "
            "raise the temperature, or take a slice of one direction"
        )
    return 1 / gap


def _solver(matrix: sp.csc_matrix, dimension: int) -> Callable[[Numbers], Numbers]:
    """Return x ↦ matrix⁻¹ x: by elimination in the plane, by conjugate gradients in space, where a factor would fill up."""
    if dimension == 2:
        return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0).solve
    scaling = sp.diags(1 / matrix.diagonal())

    def solve(x: Numbers) -> Numbers:
        found, failed = cg(matrix, x, rtol=_RESIDUAL, maxiter=_MOST_STEPS, M=scaling)
        if failed:
            raise LandscapeError("Poincaré constant: conjugate gradients did not converge; take a slice of fewer directions")
        return found

    return solve


def at_walls(potential: Numbers, axis: int) -> Numbers:
    """Return U between neighbours along an axis: (9(U_i + U_j) − U_{i−1} − U_{j+1})/16, the mean at the ends.

    Args:
        potential: (…, n, …) float64, U.
        axis: along which; the result is one shorter there.
    """
    u = np.moveaxis(potential, axis, 0)
    walls = (u[1:] + u[:-1]) / 2
    walls[1:-1] += (u[1:-2] + u[2:-1] - u[:-3] - u[3:]) / 16
    return np.moveaxis(walls, 0, axis)


def rayleigh_quotient(potential: Numbers, spacings: Numbers, vector: Numbers) -> float:
    """Return ∫‖∇f‖² dμ / ∫f² dμ of f = vector/√μ, wall by wall.

    Args:
        potential: (n, …, n) float64, U.
        spacings: (d,) h of each axis.
        vector: (n^d,) float64, f √μ.
    """
    root = vector.reshape(potential.shape)
    energy = 0.0
    for axis, spacing in enumerate(spacings):
        wall = at_walls(potential, axis)
        below = np.delete(root, -1, axis) * np.exp((np.delete(potential, -1, axis) - wall) / 2)
        above = np.delete(root, 0, axis) * np.exp((np.delete(potential, 0, axis) - wall) / 2)
        energy += float(((above - below) ** 2).sum()) / float(spacing) ** 2
    return energy / float((vector**2).sum())


def symmetric_operator(potential: Numbers, spacings: Numbers) -> sp.csc_matrix:
    """Return S of this module's head.

    Args:
        potential: (n, …, n) float64, U, with steps between neighbours below 1,200.
        spacings: (d,) h of each axis.
    """
    flat = potential.ravel()
    number = np.arange(flat.size).reshape(potential.shape)
    diagonal = np.zeros(flat.size)
    rows, columns, values = [], [], []
    for axis, spacing in enumerate(spacings):
        first, second = np.delete(number, -1, axis).ravel(), np.delete(number, 0, axis).ravel()
        wall = at_walls(potential, axis).ravel()
        rate = 1 / float(spacing) ** 2
        # Each cell occurs once in either list, so that plain addition loses nothing.
        diagonal[first] += rate * np.exp(flat[first] - wall)
        diagonal[second] += rate * np.exp(flat[second] - wall)
        rows += [first, second]
        columns += [second, first]
        values += [-rate * np.exp((flat[first] + flat[second]) / 2 - wall)] * 2
    at, to = np.concatenate(rows), np.concatenate(columns)
    off = sp.coo_matrix((np.concatenate(values), (at, to)), shape=(flat.size, flat.size))
    return (sp.diags(diagonal) + off).tocsc()
