"""The loss of the posterior, L̂(Q) = E_{θ~Q} L̂(θ), from draws of it.

Draw i is a pair: θ_i ~ Q, and a few rows chosen uniformly without replacement. Its loss is in [0, 1] and has the mean L̂(Q), and
draws are independent, which is all that `mean_interval` needs. The interval's width depends on the number of draws only, so many
draws on few rows are better than few draws on all rows. A held-out row is used for one draw only: the loss of such a draw has the
mean L(Q), that on the distribution itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from villani_verify.curvature.probes import derive_seed
from villani_verify.errors import RequestError
from villani_verify.estimation.estimate import Interval
from villani_verify.memory import in_passes_of_rows
from villani_verify.points import Point
from villani_verify.theory.pac_bayes.binary_kl import mean_interval
from villani_verify.theory.pac_bayes.bounded_losses import BoundedLoss
from villani_verify.theory.pac_bayes.gaussians import Posterior, standard_noise
from villani_verify.theory.pac_bayes.sample import Sample, gather, joined

ROWS_PER_PASS = 64


@dataclass(frozen=True)
class MeanLoss:
    """A mean of independent values in [0, 1].

    Attributes:
        value: the mean.
        count: number of values.
        delta: probability that the interval of the expectation misses.
    """

    value: float
    count: int
    delta: float

    @property
    def interval(self) -> Interval:
        """Interval of the expectation, for every distribution on [0, 1]; see `mean_interval`."""
        return mean_interval(self.value, self.count, self.delta)


@dataclass(frozen=True)
class GibbsDraws:
    """Losses of the draws of one posterior.

    Attributes:
        training: one for each draw; their expectation is L̂(Q).
        held_out: one for each draw that had held-out rows; their expectation is L(Q).
    """

    training: tuple[float, ...]
    held_out: tuple[float, ...]


def gibbs_draws(
    loss: BoundedLoss,
    posteriors: Sequence[Posterior],
    training: Sample,
    held_out: Sample | None,
    *,
    draws: int,
    rows_per_draw: int,
    seed: int,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> list[GibbsDraws]:
    """Return the losses of `draws` draws of each posterior.

    All posteriors share the noise z_i and the rows of draw i, so that curves over σ are smooth; the draws of each are independent.

    Args:
        loss: in [0, 1].
        posteriors: with one mean.
        training: rows that L̂ is the mean over.
        held_out: rows that nothing was chosen with; None for none.
        draws: m ≥ 1.
        rows_per_draw: training rows of a draw; all of them where there are not more.
        seed: address of noise and rows.
        progress: called with (what, done, in all).

    Raises:
        RequestError: if a number is below 1.
        LandscapeError: if a loss is not in [0, 1].
    """
    check_draws(draws, rows_per_draw)
    blocks = held_out_blocks(0 if held_out is None else held_out.size, draws)
    found: list[tuple[list[float], list[float]]] = [([], []) for _ in posteriors]
    for i in range(draws):
        progress("drawing from the posterior", i, draws)
        chosen = rows_of_draw(training.size, rows_per_draw, seed=seed, index=i)
        batch = gather(training.batch, chosen.to(training.device))
        if held_out is not None and i < len(blocks):
            batch = joined(batch, gather(held_out.batch, blocks[i].to(held_out.device)))
        noise = standard_noise(posteriors[0].mean, seed=derive_seed(seed, "posterior"), index=i)
        for posterior, (seen, unseen) in zip(posteriors, found, strict=True):
            values = row_losses(loss, posterior.draw(noise), batch, training.device)
            seen.append(float(values[: len(chosen)].mean()))
            if len(values) > len(chosen):
                unseen.append(float(values[len(chosen) :].mean()))
    return [GibbsDraws(tuple(seen), tuple(unseen)) for seen, unseen in found]


def rows_of_draw(size: int, count: int, *, seed: int, index: int) -> Tensor:
    """Return the numbers of the rows of one draw: `count` of `size`, without replacement; all where there are not more."""
    if count >= size:
        return torch.arange(size)
    generator = np.random.Generator(np.random.Philox(key=derive_seed(seed, "rows", index)))
    return torch.from_numpy(generator.choice(size, count, replace=False))


def held_out_blocks(size: int, draws: int) -> list[Tensor]:
    """Return disjoint blocks of equally many rows, one for each draw, for as many draws as there are rows."""
    used = min(size, draws)
    return [] if used == 0 else list(torch.arange(size // used * used).reshape(used, -1))


def row_losses(loss: BoundedLoss, point: Point, batch: object, device: torch.device) -> Tensor:
    """Return the loss of every row at one point, float64, a few rows at a time and fewer where memory runs out."""
    count = len(batch) if isinstance(batch, Tensor) else len(batch[0])  # type: ignore[index]
    done: list[Tensor] = []
    in_passes_of_rows(
        lambda some: done.append(loss(point, gather(batch, some.to(device)))), torch.arange(count), device, per_pass=ROWS_PER_PASS
    )
    return torch.cat(done)


def mean_loss(values: Sequence[float], delta: float) -> MeanLoss:
    """Return the mean of independent losses, with the probability of a miss that its interval spends."""
    return MeanLoss(min(1.0, math.fsum(values) / len(values)), len(values), delta)


def check_draws(draws: int, rows_per_draw: int) -> None:
    """Raise RequestError if a number of draws or of their rows is below 1."""
    if draws < 1:
        raise RequestError(
            f"draws {draws}: the loss of the posterior needs at least 1, and some hundred to be known well; give 1000"
        )
    if rows_per_draw < 1:
        raise RequestError(f"rows per draw {rows_per_draw}: it is not at least 1; give 4")
