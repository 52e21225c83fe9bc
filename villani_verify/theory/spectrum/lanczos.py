"""Lanczos' tridiagonal matrices, several starts at once, with full reorthogonalisation or with none.

From a unit vector v_1 the method (Lanczos 1950) builds orthonormal v_1, v_2, … with

    A v_j = β_{j−1} v_{j−1} + α_j v_j + β_j v_{j+1},

so that VᵀAV = T is tridiagonal and v_{k+1} = p_k(A) v_1 with p_k(t) = Π_j (t − θ_j) / Π_j β_j over the eigenvalues θ_j of T
(Golub and Meurant 2010). In finite precision the v_j lose their orthogonality as soon as a Ritz value converges. Two passes of
classical Gram-Schmidt against all earlier vectors keep it to rounding, and the products v_iᵀAv_j with i < j − 1, which should
be zero, then measure how far rounding in the products keeps A from being symmetric. Without them, copies of converged
eigenvalues appear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from villani_verify.large_blocks import zeros_for_a_while
from villani_verify.theory.inner_products import row_products
from villani_verify.theory.spectrum.operator import Operator

Array = npt.NDArray[np.float64]

BREAKDOWN = 16
"""In units of rounding: β_k below so many times ε‖T‖ is zero, and the Krylov space invariant. Too small only costs work."""
ROUNDING = 128
"""In units of ε‖T‖: what rounding of the products is taken to move eigenvalues by, at least."""


@dataclass(frozen=True)
class Tridiagonal:
    """T of one start.

    Attributes:
        diagonal: α_1 … α_k, float64.
        off_diagonal: β_1 … β_k, float64; the last leads out of the Krylov space, and is 0 where `exhausted`.
        start_norm_squared: ‖g‖² of the start g before it was normalised.
        exhausted: whether the Krylov space is invariant, so that eigenvalues of T are eigenvalues of A.
        rounding: by how much rounding of the products may move eigenvalues: the Frobenius norm of what should have been zero
            in VᵀAV, where that was measured, and at least an allowance of `ROUNDING` ε‖T‖. An allowance, no bound.
    """

    diagonal: Array
    off_diagonal: Array
    start_norm_squared: float
    exhausted: bool
    rounding: float

    @property
    def steps(self) -> int:
        """The size k of T."""
        return len(self.diagonal)


def lanczos(
    operator: Operator,
    starts: Tensor,
    steps: int,
    *,
    reorthogonalise: bool = True,
    on_step: Callable[[], None] = lambda: None,
) -> list[Tridiagonal]:
    """Run Lanczos from each row of `starts`, all in step, one call of `operator` a step.

    Args:
        operator: `A`, of dimension d.
        starts: shape (K, d), none of them zero; vectors are kept in their dtype, α and β in float64.
        steps: k ≥ 1, at most d.
        reorthogonalise: against all earlier vectors, twice; keeps K·k·d numbers instead of 2·K·d.
        on_step: called after each step.

    Returns:
        One matrix for each start, shorter than `steps` where its Krylov space is exhausted.
    """
    count, dimension = starts.shape
    kept = steps if reorthogonalise else 2
    basis = zeros_for_a_while((count, kept, dimension), starts)
    norms = _norms(starts)
    torch.div(starts, norms[:, None].to(starts.dtype), out=basis[:, 0])
    precision = float(torch.finfo(starts.dtype).eps)
    del starts  # the caller need not hold them either
    alphas, betas = np.zeros((count, steps)), np.zeros((count, steps))
    lengths, stray = np.full(count, steps), np.zeros(count)
    scale, ended = np.zeros(count), np.zeros(count, dtype=bool)
    for j in range(steps):
        current = basis[:, j % kept]
        # From here on in place: temporary vectors would be most of the memory where nothing is reorthogonalised.
        w = operator.products(current)
        if j:
            _add(w, basis[:, (j - 1) % kept], -betas[:, j - 1])
        alphas[:, j] = row_products(w, current).cpu().numpy()
        _add(w, current, -alphas[:, j])
        if reorthogonalise:
            for repeat in range(2):
                overlaps = torch.einsum("kjd,kd->kj", basis[:, : j + 1], w)
                for row, earlier, along in zip(w, basis, overlaps, strict=True):
                    row.addmv_(earlier[: j + 1].T, along, alpha=-1)
                if not repeat:
                    stray += 2 * overlaps.double().square().sum(1).cpu().numpy()
        beta = _norms(w).cpu().numpy()
        scale = np.maximum(scale, np.maximum(np.abs(alphas[:, j]), beta))
        whole = reorthogonalise and j + 1 == dimension
        ends = ~ended & ((beta <= BREAKDOWN * precision * scale) | whole)
        lengths[ends], ended = j + 1, ended | ends
        betas[:, j] = np.where(ended, 0.0, beta)
        on_step()
        if ended.all():
            break
        if j + 1 < steps:
            # A run that has ended goes on with zeros, which cost it nothing in the others.
            inverse = np.divide(1.0, betas[:, j], out=np.zeros(count), where=~ended)
            torch.mul(w, torch.from_numpy(inverse).to(w.device, w.dtype)[:, None], out=basis[:, (j + 1) % kept])
        del w  # before the next product, which needs the most memory
    return [
        Tridiagonal(
            alphas[i, :k].copy(), betas[i, :k].copy(), float(norms[i]) ** 2, bool(ended[i]),
            max(float(np.sqrt(stray[i])), ROUNDING * precision * float(scale[i])),
        )
        for i, k in enumerate(map(int, lengths))
    ]  # fmt: skip


def _norms(rows: Tensor) -> Tensor:
    return row_products(rows, rows).sqrt()


def _add(rows: Tensor, others: Tensor, factors: Array) -> None:
    """Add a multiple of another row to each row, in place; what the dtype cannot hold is infinite, and the next product says so."""
    rows.addcmul_(others, torch.from_numpy(factors).to(rows.device, rows.dtype)[:, None])
