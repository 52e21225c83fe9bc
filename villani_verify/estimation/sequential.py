"""A mean to a relative error that was asked for: how many samples to draw, and when to stop.

The number is planned from a pilot, samples that are not part of the estimate, so that one or two looks are enough. Looking
repeatedly and stopping when the interval happens to be narrow covers too rarely; so look j (from 1) spends the share
0.8 · 0.2^(j−1) of the error probability. That is a union bound over all looks: the interval keeps its level whenever the
drawing stops.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.student_t import student_t_quantile

PILOT = 32
"""Samples of a pilot, whose spread is then right to an eighth."""
_FEWEST = 10  # below ten the Student-t interval covers too rarely
_FIRST_SHARE, _LATER_SHARES = 0.8, 0.2
_MARGIN = 1.25  # more samples than the pilot says, as a second look costs more

Draw = Callable[[Sequence[int]], list[float]]
"""Indices ↦ independent samples of one mean, each a function of its index alone."""


@dataclass(frozen=True)
class Target:
    """What is asked for.

    Attributes:
        relative_error: half-width of the interval over `|value|`.
        level: confidence of the interval.
        max_samples: give up after so many; the interval is then wider than asked for, and says so by its width.
    """

    relative_error: float
    level: float
    max_samples: int

    def met(self, estimate: Estimate) -> bool:
        """Say whether the interval is narrow enough."""
        low, high = estimate.interval(self.level)
        return (high - low) / 2 <= self.relative_error * abs(estimate.value)

    def samples_needed(self, samples: Sequence[float], share: float = _FIRST_SHARE) -> int:
        """Return how many samples like these an interval needs that may spend this share of the error probability."""
        if not all(map(math.isfinite, samples)):
            return self.max_samples
        mean, deviation = statistics.fmean(samples), statistics.stdev(samples)
        allowed = self.relative_error * abs(mean)
        needed = _FEWEST
        for _ in range(4):  # the quantile hardly changes with the number, so this converges at once
            half = student_t_quantile(1 - (1 - self.level) * share / 2, needed - 1) * deviation
            if half * half >= self.max_samples * allowed * allowed:
                return self.max_samples if half > 0 else _FEWEST
            needed = max(_FEWEST, math.ceil((half / allowed) ** 2))
        return needed


def mean_to_target(
    draw: Draw, target: Target, *, pilot: Sequence[float], described: Callable[[Sequence[float]], Estimate]
) -> Estimate:
    """Draw samples 0, 1, … until the interval of their mean is as narrow as asked for.

    Args:
        draw: gives the samples, which must be independent of the pilot.
        target: when to stop.
        pilot: at least two samples of the same distribution.
        described: makes an estimate of samples.

    Returns:
        The estimate, whose value is NaN if a sample is not finite; then drawing stops at once.
    """
    if not all(map(math.isfinite, pilot)):
        return described(pilot)
    samples: list[float] = []
    share = _FIRST_SHARE
    while True:
        planned = math.ceil(_MARGIN * max(len(samples), target.samples_needed(samples or pilot, share)))
        samples += draw(range(len(samples), min(target.max_samples, planned)))
        estimate = replace(described(samples), alpha_share=share)
        if not math.isfinite(estimate.value) or target.met(estimate) or len(samples) >= target.max_samples:
            return estimate
        share *= _LATER_SHARES
