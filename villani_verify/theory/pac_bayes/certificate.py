"""What is certified at one prior and one posterior, with the parts of its confidence and the conditions that it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from villani_verify.theory.pac_bayes.binary_kl import binary_kl
from villani_verify.theory.pac_bayes.bounded_losses import BoundedLoss
from villani_verify.theory.pac_bayes.gaussians import PriorMean
from villani_verify.theory.pac_bayes.gibbs_loss import MeanLoss
from villani_verify.theory.pac_bayes.inequalities import FEWEST, MAIN
from villani_verify.theory.pac_bayes.sample import Sample


@dataclass(frozen=True)
class Confidence:
    """How the probability of being wrong is spent.

    Attributes:
        delta: δ of the PAC-Bayes inequality, over the sample.
        num_priors: prior precisions; each inequality is taken at δ over this number.
        monte_carlo_delta: δ′ of the posterior's loss, over its draws.
        num_posteriors: posterior deviations; each interval is taken at δ′ over this number.
    """

    delta: float
    num_priors: int
    monte_carlo_delta: float
    num_posteriors: int

    @property
    def per_prior(self) -> float:
        """δ of one inequality."""
        return self.delta / self.num_priors

    @property
    def per_posterior(self) -> float:
        """δ′ of one interval."""
        return self.monte_carlo_delta / self.num_posteriors

    @property
    def level(self) -> float:
        """Probability 1 − δ − δ′ that every bound of one inequality holds at once, so also the least of them."""
        return 1 - self.delta - self.monte_carlo_delta


@dataclass(frozen=True)
class Condition:
    """Something that a bound rests on.

    Attributes:
        claim: what must be true.
        status: "checked", "by construction", "assumed" or "violated".
        why: how it is known, or why not.
    """

    claim: str
    status: str
    why: str


@dataclass(frozen=True)
class Certificate:
    """Bounds of L(Q), the posterior's expected loss on the distribution, all divided by the loss's scale.

    Attributes:
        prior_precision: λ.
        posterior_sd: σ, or the ratio of σ_t to the tensor's root mean square.
        divergence: KL(Q‖P) in nats.
        empirical: the posterior's loss on the sample, from draws; its upper end goes into the bounds.
        held_out: the same on rows that nothing was chosen with, or None; its interval has the certificate's level, for this Q
            alone.
        bounds: name of the inequality → bound. Each holds at the level of `confidence`; they may exceed 1.
        n: independent draws in the sample: sequences.
        confidence: how δ and δ′ are spent.
        uniform: loss of the predictor that knows nothing, or None.
    """

    prior_precision: float
    posterior_sd: float
    divergence: float
    empirical: MeanLoss
    held_out: MeanLoss | None
    bounds: Mapping[str, float]
    n: int
    confidence: Confidence
    uniform: float | None

    @property
    def bound(self) -> float:
        """The bound that is certified, of the inequality `MAIN`."""
        return self.bounds[MAIN]

    @property
    def reaches_one(self) -> bool:
        """Whether the bound is at least 1, the largest loss there is, so that it excludes nothing."""
        return self.bound >= 1

    @property
    def no_better_than_uniform(self) -> bool | None:
        """Whether the bound is at least the uniform predictor's loss, so that it shows no learning; None where unknown."""
        return None if self.uniform is None else self.bound >= self.uniform

    @property
    def vacuous(self) -> bool:
        """Whether either is so."""
        return self.reaches_one or bool(self.no_better_than_uniform)

    @property
    def n_needed(self) -> int | None:
        """How large n would have to be for a bound below the uniform predictor's loss, if loss and divergence stayed as they are.

        The least n with (KL(Q‖P) + ln(2√n/δ))/n < kl(L̂‖uniform); None where no n is enough, no uniform predictor is known, or its
        loss is 1, below which every kl inverse is.
        """
        upper = self.empirical.interval[1]
        if self.uniform is None or upper >= self.uniform or self.uniform >= 1:
            return None
        return least_sample(self.divergence, binary_kl(upper, self.uniform), self.confidence.per_prior)

    @property
    def order(self) -> tuple[float, float, float]:
        """What the best certificate has least of, the bound first; then n_needed and the divergence, where bounds round to 1."""
        return self.bound, math.inf if self.n_needed is None else self.n_needed, self.divergence

    def as_dict(self, scale: float) -> dict[str, Any]:
        """Return plain values, losses also in the loss's unit."""
        return {
            "prior_precision": self.prior_precision,
            "prior_variance": 1 / self.prior_precision,
            "posterior_sd": self.posterior_sd,
            "divergence": self.divergence,
            "divergence_per_draw": self.divergence / self.n,
            "n": self.n,
            "num_draws": self.empirical.count,
            "bound": self.bound,
            "bound_in_units": self.bound * scale,
            "inequality": MAIN,
            "bounds": dict(self.bounds),
            "level": self.confidence.level,
            "empirical_loss": loss_row(self.empirical, scale),
            "held_out_loss": None if self.held_out is None else loss_row(self.held_out, scale),
            "vacuous": self.vacuous,
            "reaches_one": self.reaches_one,
            "no_better_than_uniform": self.no_better_than_uniform,
            "n_needed": self.n_needed,
        }


def least_sample(divergence: float, nats: float, delta: float) -> int:
    """Return the least n ≥ 8 with (KL + ln(2√n/δ))/n < `nats`; the left side falls in n."""

    def enough(n: int) -> bool:
        return (divergence + math.log(2 / delta) + 0.5 * math.log(n)) / n < nats

    low, high = FEWEST - 1, FEWEST
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def loss_row(loss: MeanLoss, scale: float) -> dict[str, Any]:
    """Return plain values of a mean loss."""
    return {
        "value": loss.value,
        "interval": loss.interval,
        "delta": loss.delta,
        "num_values": loss.count,
        "value_in_units": loss.value * scale,
        "interval_in_units": [scale * end for end in loss.interval],
    }


def conditions(loss: BoundedLoss, sample: Sample, mean: PriorMean, num_priors: int) -> tuple[Condition, ...]:
    """Return what the bounds rest on, and how far each was checked."""
    return (
        Condition("the loss is in [0, 1]", "checked", f"{loss.name}, divided by {loss.scale:.6g}, on every row that was drawn"),
        Condition(
            "the rows are independent draws of one distribution",
            "by construction" if sample.independent else "assumed",
            sample.origin if sample.independent else f"{sample.origin}; pieces of one text, for instance, are not independent",
        ),
        Condition(
            "the prior was chosen before the sample",
            "assumed" if mean.valid else "violated",
            f"mean from: {mean.source}; precisions: a grid of {num_priors}, whose union bound is paid for"
            if mean.valid
            else "its mean was taken from the training data, so no bound holds",
        ),
        Condition(f"n is at least {FEWEST}", "checked", f"n = {sample.size}"),
    )
