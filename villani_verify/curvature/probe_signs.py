"""The ±1 signs of a probe: uncorrelated, which is all that a trace needs, and for tall matrices cheap to multiply with.

E[vᵀHv] = tr H for every v with E[vvᵀ] = I (Hutchinson 1990): the entries need not be independent, only uncorrelated. So row i of a
matrix with many rows is a sign s_i times one of G patterns g_1, …, g_G,

    V = diag(s) P g,    V_ia = s_i g_{(i mod G) a},    E[V_ia V_jb] = E[s_i s_j] E[g g] = δ_ij δ_ab,

with independent signs s and g. Then x Vᵀ = (x gᵀ) Pᵀ diag(s) needs G columns of products instead of one for each row, and far fewer
signs are drawn. The price is in the variance. For rows i ≠ j with different patterns the term 2 v_iᵀ H_ij v_j of the form has the
variance 4 ‖H_ij‖², for two with the same pattern

    4 [(tr H_ij)² + ‖H_ij‖² + tr H_ij² − 2 Σ_a (H_ij)_aa²],

and one pair in G is of this kind. `docs/measured.md` has what that came to; with 96 patterns it could not be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from villani_verify.curvature.kernels import kernels_for
from villani_verify.curvature.probes import stacked_signs

PATTERNS = 96
"""The number G of patterns, no multiple of the usual widths of attention heads, whose features of one place may be related."""


@dataclass(frozen=True)
class PatternedSigns:
    """The signs of K probes for one matrix, or for a tensor with more dimensions: row i is s_i g_{i mod G}.

    Attributes:
        rows: s, shape (K, n).
        patterns: g, shape (K, G, …).
        transposed: whether Vᵀ is meant where something is multiplied with V.
    """

    rows: Tensor
    patterns: Tensor
    transposed: bool = False

    def dense(self) -> Tensor:
        """Return V, shape (K, n, …)."""
        return self.at(torch.arange(self.rows.shape[1], device=self.rows.device))

    def at(self, places: Tensor) -> Tensor:
        """Return some rows of V, shape `(K, *shape of places, …)`."""
        signs = self.rows[:, places]
        return self.patterns[:, places % self.patterns.shape[1]] * signs.reshape(*signs.shape, *[1] * (self.patterns.dim() - 2))

    def line(self, k: int) -> PatternedSigns:
        """Return the signs of one probe."""
        return replace(self, rows=self.rows[k : k + 1], patterns=self.patterns[k : k + 1])

    def add_product(self, out: Tensor, x: Tensor) -> None:
        """Add x V, or x Vᵀ if `transposed`, to `out`.

        Args:
            out: shape (K, T, columns), changed.
            x: shape (T, features) or (K, T, features).
        """
        count = self.patterns.shape[1]
        if self.transposed:
            product = torch.matmul(x, self.patterns.mT)
            kernels = kernels_for(out.device)
            if kernels is not None and out.stride(-1) == 1:
                kernels.add_patterned(out, product, self.rows)
                return
            whole = out.shape[-1] // count * count
            # Row after row of V: all patterns, and again.
            blocks = out[..., :whole].unflatten(-1, (-1, count))
            blocks.addcmul_(product.unsqueeze(-2), self.rows[:, :whole].unflatten(-1, (-1, count)).unsqueeze(1))
            out[..., whole:].addcmul_(product[..., : out.shape[-1] - whole], self.rows[:, None, whole:])
            return
        out.baddbmm_(self.folded(x), self.patterns)

    def folded(self, x: Tensor) -> Tensor:
        """Return x diag(s) P, shape (K, T, G), for x of shape (T, n) or (K, T, n)."""
        count = self.patterns.shape[1]
        whole = x.shape[-1] // count * count
        blocks, signs = x[..., :whole].unflatten(-1, (-1, count)), self.rows[:, :whole].unflatten(-1, (-1, count))
        folded = torch.einsum("tbg,kbg->ktg" if x.dim() == 2 else "ktbg,kbg->ktg", blocks, signs)
        folded[..., : x.shape[-1] - whole] += x[..., whole:] * self.rows[:, None, whole:]
        return folded


def patterned_signs(
    name: str, shape: torch.Size | tuple[int, ...], *, seed: int, indices: Sequence[int], like: Tensor
) -> PatternedSigns | None:
    """Return the signs of several probes for a tensor with more than G rows; None for any other."""
    if len(shape) < 2 or shape[0] <= PATTERNS:
        return None
    rows = stacked_signs(f"{name} rows", shape[:1], seed=seed, indices=indices, like=like)
    return PatternedSigns(rows, stacked_signs(name, (PATTERNS, *shape[1:]), seed=seed, indices=indices, like=like))


def stacked_probes(name: str, shape: torch.Size | tuple[int, ...], *, seed: int, indices: Sequence[int], like: Tensor) -> Tensor:
    """Return the signs of several probes for one tensor, shape `(K, *shape)`, in the dtype and on the device of `like`."""
    patterned = patterned_signs(name, shape, seed=seed, indices=indices, like=like)
    return stacked_signs(name, shape, seed=seed, indices=indices, like=like) if patterned is None else patterned.dense()


def probe_signs(name: str, shape: torch.Size | tuple[int, ...], *, seed: int, index: int, like: Tensor) -> Tensor:
    """Return the signs of one probe for one tensor; see `stacked_probes`."""
    return stacked_probes(name, shape, seed=seed, indices=(index,), like=like)[0]


def rows_of_probes(
    name: str, shape: torch.Size | tuple[int, ...], places: Tensor, *, seed: int, indices: Sequence[int], like: Tensor
) -> Tensor:
    """Return some rows of the signs of several probes for one tensor, shape `(K, *shape of places, *shape[1:])`."""
    patterned = patterned_signs(name, shape, seed=seed, indices=indices, like=like)
    if patterned is None:
        return stacked_signs(name, shape, seed=seed, indices=indices, like=like)[:, places]
    return patterned.at(places)


def probe_of(point: Mapping[str, Tensor], *, seed: int, index: int) -> dict[str, Tensor]:
    """Return the whole probe `index` for every tensor of `point`."""
    return {name: probe_signs(name, t.shape, seed=seed, index=index, like=t) for name, t in point.items()}
