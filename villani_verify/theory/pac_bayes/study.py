"""PAC-Bayes bounds over a grid of prior precisions and posterior deviations, and the least of them: what `pac-bayes` computes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.theory.pac_bayes.bounded_losses import BoundedLoss
from villani_verify.theory.pac_bayes.certificate import Certificate, Condition, Confidence, conditions, loss_row
from villani_verify.theory.pac_bayes.gaussians import Posterior, PriorMean, check_precision, check_sd
from villani_verify.theory.pac_bayes.gibbs_loss import GibbsDraws, MeanLoss, check_draws, gibbs_draws, mean_loss, row_losses
from villani_verify.theory.pac_bayes.inequalities import INEQUALITIES, check_delta, check_sample
from villani_verify.theory.pac_bayes.sample import Sample, sample_of
from villani_verify.verification import strict_json

PRIOR_PRECISIONS = tuple(10.0 ** (k / 2) for k in range(-4, 9))
"""λ from 0.01 to 10⁴ in half decades, fixed before any data."""
POSTERIOR_SDS = (0.003, 0.01, 0.03, 0.1)


@dataclass(frozen=True)
class PacBayesStudy:
    """Bounds of one model on one sample.

    Attributes:
        name: of the landscape.
        dimension: number d of parameters.
        loss: the bounded loss.
        certificates: one for each prior precision and posterior deviation, precisions outermost.
        prior_mean: w₀ and where it comes from.
        training: the sample.
        held_out: rows beside it, or None.
        at_mean: loss of w itself on the sample, and on the held-out rows with an interval.
        confidence: how δ and δ′ are spent.
        conditions: what all bounds rest on.
        relative_sd: whether deviations are in units of each tensor's root mean square.
        rows_per_draw: training rows of one draw of the posterior.
        seconds: wall-clock time.
    """

    name: str
    dimension: int
    loss: BoundedLoss
    certificates: tuple[Certificate, ...]
    prior_mean: PriorMean
    training: Sample
    held_out: Sample | None
    at_mean: tuple[float, MeanLoss | None]
    confidence: Confidence
    conditions: tuple[Condition, ...]
    relative_sd: bool
    rows_per_draw: int
    seconds: float

    @property
    def valid(self) -> bool:
        """Whether no condition is known to be violated; if one is, the numbers bound nothing."""
        return all(c.status != "violated" for c in self.conditions)

    @property
    def best(self) -> Certificate:
        """The least bound; all of them hold at once, so choosing it costs nothing more."""
        return min(self.certificates, key=lambda c: c.order)

    def over_precision(self) -> list[Certificate]:
        """Return the least bound at each prior precision λ, in ascending order."""
        return self._least(lambda c: c.prior_precision)

    def over_deviation(self) -> list[Certificate]:
        """Return the least bound at each posterior deviation σ, in ascending order."""
        return self._least(lambda c: c.posterior_sd)

    def _least(self, key: Callable[[Certificate], float]) -> list[Certificate]:
        found: dict[float, Certificate] = {}
        for c in sorted(self.certificates, key=lambda c: c.order):
            found.setdefault(key(c), c)
        return [found[k] for k in sorted(found)]

    def as_dict(self) -> dict[str, Any]:
        """Return the results object: plain JSON values."""
        scale = self.loss.scale
        training, held_out = self.at_mean
        return strict_json({
            "landscape": self.name,
            "dimension": self.dimension,
            "loss": {"name": self.loss.name, "scale": scale, "unit": self.loss.unit, "uniform": self.loss.uniform},
            "valid": self.valid,
            "confidence": {
                "level": self.confidence.level,
                "delta": self.confidence.delta,
                "delta_per_prior": self.confidence.per_prior,
                "monte_carlo_delta": self.confidence.monte_carlo_delta,
                "monte_carlo_delta_per_posterior": self.confidence.per_posterior,
            },
            "conditions": [{"claim": c.claim, "status": c.status, "why": c.why} for c in self.conditions],
            "prior": {"mean": self.prior_mean.source, "precisions": sorted({c.prior_precision for c in self.certificates})},
            "posterior": {"relative_sd": self.relative_sd, "sds": sorted({c.posterior_sd for c in self.certificates})},
            "sample": _sample_row(self.training),
            "held_out": None if self.held_out is None else _sample_row(self.held_out),
            "rows_per_draw": self.rows_per_draw,
            "loss_at_mean": {
                "training": training,
                "training_in_units": training * scale,
                "held_out": None if held_out is None else loss_row(held_out, scale),
            },
            "certificate": self.best.as_dict(scale),
            "over_precision": [c.as_dict(scale) for c in self.over_precision()],
            "over_deviation": [c.as_dict(scale) for c in self.over_deviation()],
            "seconds": self.seconds,
        })  # fmt: skip


def certify(
    landscape: Landscape,
    loss: BoundedLoss,
    *,
    training: Sample | None = None,
    held_out: Sample | None = None,
    prior_precisions: Sequence[float] = PRIOR_PRECISIONS,
    posterior_sds: Sequence[float] = POSTERIOR_SDS,
    relative_sd: bool = False,
    prior_mean: PriorMean | None = None,
    delta: float = 0.04,
    monte_carlo_delta: float = 0.01,
    draws: int = 1000,
    rows_per_draw: int = 4,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> PacBayesStudy:
    """Bound the expected loss of N(w, σ²I) around the parameters w of a landscape, for every prior precision and σ of two grids.

    With probability 1 − δ − δ′ every bound of one inequality holds at once: the inequality at each of K precisions has δ/K, and
    the upper end of the posterior's loss, sampled at each of J deviations, has δ′/J (Langford and Caruana 2002).

    Args:
        landscape: its reference point is w.
        loss: in [0, 1] after division by its scale.
        training: rows that the inequalities speak of; default those of the landscape.
        held_out: rows for a test loss beside the bound.
        prior_precisions: λ of N(w₀, I/λ); fixed before the data.
        posterior_sds: σ; may be chosen with the data in view.
        relative_sd: whether σ is in units of each tensor's root mean square.
        prior_mean: w₀; default zero.
        delta: δ.
        monte_carlo_delta: δ′.
        draws: m draws of the posterior, for each σ.
        rows_per_draw: training rows of a draw.
        seed: address of the draws.
        progress: called with (what, done, in all).

    Raises:
        RequestError: if a number is out of range, n is below 8, or a divergence overflows; before anything is sampled.
        LandscapeError: if a loss is not in [0, 1], or a parameter is not finite.
    """
    started = time.perf_counter()
    precisions, sds = _grid("prior precision", prior_precisions), _grid("posterior standard deviation", posterior_sds)
    check_numbers(precisions, sds, delta, monte_carlo_delta, draws, rows_per_draw)
    sample = sample_of(landscape) if training is None else training
    check_sample(sample.size)
    mean, w0 = landscape.initial, prior_mean or PriorMean()
    posteriors = [(Posterior.relative if relative_sd else Posterior.isotropic)(mean, sd) for sd in sds]
    distances = w0.squared_distances(mean)
    divergences = {(lam, p.label): p.divergence(lam, distances) for lam in precisions for p in posteriors}
    confidence = Confidence(delta, len(precisions), monte_carlo_delta, len(sds))
    drawn = gibbs_draws(loss, posteriors, sample, held_out, draws=draws, rows_per_draw=rows_per_draw, seed=seed, progress=progress)
    certificates = tuple(
        _certificate(lam, p.label, divergences[lam, p.label], losses, sample.size, confidence, loss.uniform)
        for lam in precisions
        for p, losses in zip(posteriors, drawn, strict=True)
    )
    progress("the loss at the mean", 0, 0)
    training_loss = float(row_losses(loss, mean, sample.batch, sample.device).mean())
    held_out_loss = None
    if held_out is not None:
        held_out_loss = mean_loss(row_losses(loss, mean, held_out.batch, held_out.device).tolist(), 1 - confidence.level)
    return PacBayesStudy(
        landscape.name, landscape.dimension, loss, certificates, w0, sample, held_out, (training_loss, held_out_loss), confidence,
        conditions(loss, sample, w0, len(precisions)), relative_sd, rows_per_draw, time.perf_counter() - started,
    )  # fmt: skip


def check_numbers(
    precisions: Sequence[float], sds: Sequence[float], delta: float, monte_carlo_delta: float, draws: int, rows_per_draw: int
) -> None:
    """Raise RequestError if a number of `certify` is out of range."""
    for precision in precisions:
        check_precision(precision)
    for sd in sds:
        check_sd(sd)
    check_delta(delta)
    check_delta(monte_carlo_delta, "Monte Carlo delta")
    if delta + monte_carlo_delta >= 1:
        raise RequestError(
            f"delta {delta:g} and Monte Carlo delta {monte_carlo_delta:g}: they add up to 1 or more; give smaller ones"
        )
    check_draws(draws, rows_per_draw)


def _grid(what: str, values: Sequence[float]) -> list[float]:
    """Return the numbers in ascending order, each once, as one that is repeated would be paid for twice."""
    if not values:
        raise RequestError(f"{what}: the grid is empty; give at least one number")
    return sorted({float(v) for v in values})


def _certificate(
    precision: float, sd: float, divergence: float, losses: GibbsDraws, n: int, confidence: Confidence, uniform: float | None
) -> Certificate:
    empirical = mean_loss(losses.training, confidence.per_posterior)
    upper = empirical.interval[1]
    bounds = {name: bound(upper, divergence, n, confidence.per_prior) for name, bound in INEQUALITIES.items()}
    held_out = mean_loss(losses.held_out, 1 - confidence.level) if losses.held_out else None
    return Certificate(precision, sd, divergence, empirical, held_out, bounds, n, confidence, uniform)


def _sample_row(sample: Sample) -> dict[str, Any]:
    return {"size": sample.size, "origin": sample.origin, "independent": sample.independent, "seen_in_training": sample.seen}
