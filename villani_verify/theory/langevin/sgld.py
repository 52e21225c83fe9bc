"""Stochastic gradients: mini-batches of the fixed rows (Welling and Teh 2011), and how much noise they add to the chain's own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from villani_verify.batches import Batch, count_terms, cut, rows
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.theory.langevin.gradients import with_decay
from villani_verify.theory.langevin.noise import minibatch_rows
from villani_verify.theory.layout import Layout

NUMBERS_KEPT = 1 << 27
"""Up to so many numbers (a gigabyte in float64) the gradients of all rows are held at once, to have the largest eigenvalue."""


class MinibatchGradient:
    """F̃ and ∇F̃ over `batch` rows, drawn without replacement by (seed, chain, step).

    Unbiased, as all rows have equally many terms.
    """

    def __init__(self, landscape: Landscape, batch: int, seed: int) -> None:
        """Take F, the rows in a mini-batch and the seed.

        Raises:
            RequestError: if the landscape has no rows of equal weight, or not so many.
        """
        self._landscape = landscape
        self._layout = Layout(landscape)
        self._rows = all_rows(landscape)
        self._seed = seed
        self._count = rows(self._rows)
        self._batch = batch
        check_batch(landscape, batch)

    def __call__(self, states: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return F̃ and ∇F̃ at each state, each chain on its own mini-batch."""
        losses = torch.empty(len(states), dtype=torch.float64, device=states.device)
        gradients = torch.empty_like(states)
        for m, state in enumerate(states):
            chosen = minibatch_rows(self._seed, m, step, count=self._count, batch=self._batch).to(states.device)
            part = self._rows[chosen] if isinstance(self._rows, Tensor) else tuple(t[chosen] for t in self._rows)
            losses[m], gradients[m] = _row_gradient(self._landscape, self._layout, state, part)
        return with_decay(self._layout.decay, states, losses, gradients)


@dataclass(frozen=True)
class GradientNoise:
    """Covariance Σ_B of the mini-batch gradient at one point, exact over all rows.

    With the covariance Σ of the rows' gradients (divisor n − 1), B of n rows without replacement have Σ_B = (1 − B/n) Σ/B
    (simple random sampling; Cochran 1977, chapter 2). A step adds covariance η²Σ_B to the injected ηs, so that along its largest
    eigenvector the chain is warmer by the factor 1 + η‖Σ_B‖/s.

    Attributes:
        batch: B.
        rows: n.
        trace: tr Σ_B.
        largest_eigenvalue: ‖Σ_B‖; None where the rows' gradients do not fit the memory together.
    """

    batch: int
    rows: int
    trace: float
    largest_eigenvalue: float | None

    def heating(self, step_size: float, temperature: float) -> float | None:
        """Return η‖Σ_B‖/s: by which fraction the noise along the worst direction exceeds the injected one."""
        return None if self.largest_eigenvalue is None else step_size * self.largest_eigenvalue / temperature


def gradient_noise(landscape: Landscape, batch: int, state: Tensor | None = None) -> GradientNoise:
    """Return the covariance of the mini-batch gradient at θ₀, or at `state` of shape (d,).

    Raises:
        RequestError: as for `MinibatchGradient`.
    """
    check_batch(landscape, batch)
    layout, data = Layout(landscape), all_rows(landscape)
    where = layout.row(landscape.initial) if state is None else state
    count = rows(data)
    keep = count * where.numel() <= NUMBERS_KEPT
    kept: list[Tensor] = []
    mean, squares = torch.zeros_like(where, dtype=torch.float64), 0.0
    for i in range(count):
        gradient = _row_gradient(landscape, layout, where, cut(data, slice(i, i + 1)))[1].to(torch.float64)
        # Welford's recursion: no cancellation where the mean gradient is much larger than its spread.
        change = gradient - mean
        mean += change / (i + 1)
        squares += float(change @ (gradient - mean))
        if keep:
            kept.append(gradient)
    factor = (1 - batch / count) / batch / (count - 1) if count > 1 else 0.0
    largest = None
    if keep:
        centred = torch.stack(kept) - mean
        # The n × n Gram matrix has the non-zero eigenvalues of the d × d covariance.
        largest = factor * max(0.0, float(torch.linalg.eigvalsh(centred @ centred.T)[-1]))
    return GradientNoise(batch, count, factor * squares, largest)


def all_rows(landscape: Landscape) -> Batch:
    """Return the fixed rows as one batch.

    Raises:
        RequestError: if the landscape has no data, or rows of different shapes or numbers of terms.
    """
    where = f"mini-batches of landscape {landscape.name!r}"
    batches = landscape.batches
    if all(isinstance(b, Tensor) for b in batches) and len({b.shape[1:] for b in batches}) == 1:
        return torch.cat(list(batches))
    pairs = all(isinstance(b, tuple) and len(b) == 2 and all(isinstance(t, Tensor) and t.dim() for t in b) for b in batches)
    if not pairs or any(len({b[i].shape[1:] for b in batches}) != 1 for i in (0, 1)):
        raise RequestError(f"{where}: it has no rows of one shape to draw from; leave --batch out")
    data = tuple(torch.cat([b[i] for b in batches]) for i in (0, 1))
    if len({count_terms(data[1][i : i + 1]) for i in range(len(data[1]))}) != 1:
        raise RequestError(
            f"{where}: its rows have different numbers of terms, so their mean gradient would be biased; leave --batch out"
        )
    return data


def check_batch(landscape: Landscape, batch: int) -> None:
    """Raise RequestError unless `batch` rows can be drawn."""
    count = rows(all_rows(landscape))
    if not 1 <= batch <= count:
        raise RequestError(f"mini-batch of {batch} rows: landscape {landscape.name!r} has {count}; give a number from 1 to {count}")


def _row_gradient(landscape: Landscape, layout: Layout, state: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    leaf = state.detach().requires_grad_()
    loss = landscape.loss_function(layout.point(leaf), batch)
    return loss.detach().to(torch.float64), torch.autograd.grad(loss, leaf, allow_unused=True, materialize_grads=True)[0]
