"""Hutch++: the trace on a subspace exactly, and Hutchinson's estimator on the rest (Meyer, Musco, Musco and Woodruff 2021).

With Q an orthonormal basis of the span of B ω_1, …, B ω_k for ±1 vectors ω,

    tr B = tr(QᵀBQ) + E[(z − QQᵀz)ᵀ B (z − QQᵀz)],

for any Q that does not depend on the ±1 vector z. The span leans towards the leading eigenvectors, which contribute most of
Hutchinson's variance of about 2‖B‖_F². Given Q, samples of the second term are independent and identically distributed, so that
Student-t intervals keep their meaning; the first term has no sampling error.

How large a subspace pays is found while it grows, as in Persson, Cortinovis and Kressner (2022); here it doubles, and a
product may cost more than a quadratic form.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from villani_verify.curvature.probes import derive_seed
from villani_verify.curvature.trace_form import TraceForm
from villani_verify.estimation.sequential import PILOT, Target

_FIRST_BLOCK = 16
_LARGEST_BASIS = 1 << 30  # bytes; orthogonalising takes some three times as much for a while
_NUMBERS_AT_ONCE = 1 << 24  # of the vectors that exist at the same time, but
_FEWEST_AT_ONCE = 8  # vectors share a pass in any case


@dataclass(frozen=True)
class Deflation:
    """A subspace on which the trace is known.

    Attributes:
        form: B, n × n.
        basis: Q, orthonormal columns, shape (n, k).
        known: tr(QᵀBQ), accumulated in float64.
        num_matvecs: products and forms it took.
    """

    form: TraceForm
    basis: Tensor
    known: float
    num_matvecs: int

    @classmethod
    def none(cls, form: TraceForm) -> Deflation:
        """Return the empty subspace, with which samples are those of Hutchinson's estimator."""
        return cls(form, form.signs(0, (0,)).new_empty(form.size, 0), 0.0, 0)

    @property
    def rank(self) -> int:
        """The number k of dimensions."""
        return self.basis.shape[1]

    def extended(self, count: int, *, seed: int) -> Deflation:
        """Return a subspace with `count` more dimensions, from as many products with fresh ±1 vectors.

        Args:
            count: dimensions to add; k + count is at most n.
            seed: address of the vectors; that of samples must be another.
        """
        sketch = self.form.products(self.form.signs(derive_seed(seed, self.rank), range(count))).T
        for _ in range(2 if self.rank else 0):  # the second time takes away what rounding left of the first
            sketch = sketch - self.basis @ (self.basis.T @ sketch)
        added = torch.linalg.qr(sketch).Q
        part = math.fsum(self.form.forms(added.T))
        return Deflation(self.form, torch.cat([self.basis, added], 1), self.known + part, self.num_matvecs + 2 * count)

    def samples(self, seed: int, indices: Sequence[int]) -> list[float]:
        """Return independent samples whose mean is tr B, one for each address."""
        at_once = max(_FEWEST_AT_ONCE, _NUMBERS_AT_ONCE // max(1, self.form.size))
        drawn: list[float] = []
        for start in range(0, len(indices), at_once):
            z = self.form.signs(seed, indices[start : start + at_once])
            drawn += self.form.forms(z - (z @ self.basis) @ self.basis.T)
        return [self.known + x for x in drawn]


def grown(form: TraceForm, target: Target, *, seed: int, pilot: Sequence[float], least: int = 0) -> tuple[Deflation, list[float]]:
    """Grow a subspace for as long as that is predicted to save more than it costs.

    Args:
        form: `B`.
        target: what the estimate is for.
        seed: address of the sketches and pilots.
        pilot: samples without a subspace.
        least: dimensions that it has in any case, if B is at least twice as large.

    Returns:
        The subspace, and the pilots' samples with it, in the order in which they were drawn; the last `PILOT` belong to it.
    """
    deflation = Deflation.none(form)
    pilots = list(pilot)
    needed = target.samples_needed(pilot)
    saved = math.inf
    while True:
        block = min(max(_FIRST_BLOCK, deflation.rank), form.size // 2 - deflation.rank)
        cost = block * (form.product_cost + 1) + PILOT
        # Even a block that halves the number of samples, as the best do, would save no more than it costs.
        pays = saved > 0 and needed > 2 * cost
        too_large = block < 1 or (deflation.rank + block) * form.size * deflation.basis.element_size() > _LARGEST_BASIS
        if too_large or (deflation.rank >= least and not pays):
            return deflation, pilots
        deflation = deflation.extended(block, seed=derive_seed(seed, "sketch"))
        drawn = deflation.samples(derive_seed(seed, "pilot", deflation.rank), range(PILOT))
        pilots += drawn
        before, needed = needed, target.samples_needed(drawn)
        saved = before - needed - cost
