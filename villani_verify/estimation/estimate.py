"""A number that was estimated, with all that is needed to judge it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from villani_verify.estimation.mean_interval import mean_interval, skewness

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error and how it came about.

    Attributes:
        value: the estimate.
        standard_error: estimated standard deviation of `value`; 0 for an exact number.
        degrees_of_freedom: of Student's t; infinity for an exact number.
        samples: what was averaged, in the order of their addresses; empty for an exact number.
        num_matvecs: Hessian quadratic forms and products that were spent, pilots included.
        method: for instance "hutchinson" or "exact".
        dtype: in which the samples were computed.
        device: on which they were computed.
        alpha_share: share of the error probability that its interval may spend; less than one after
            several looks at the samples.
    """

    value: float
    standard_error: float
    degrees_of_freedom: float
    samples: tuple[float, ...]
    num_matvecs: int
    method: str
    dtype: str
    device: str
    alpha_share: float = 1.0

    @classmethod
    def exact(cls, value: float, *, num_matvecs: int, method: str, dtype: str, device: str) -> Estimate:
        """Return a number without sampling error (rounding of `dtype` remains)."""
        return cls(value, 0.0, math.inf, (), num_matvecs, method, dtype, device)

    @classmethod
    def mean_of(cls, samples: Sequence[float], *, num_matvecs: int, method: str, dtype: str, device: str) -> Estimate:
        """Return the mean of independent, identically distributed samples, with Student-t error.

        The value is NaN if a sample is not finite.

        Raises:
            ValueError: if there are fewer than two samples, as there is then no standard error.
        """
        n = len(samples)
        if n < 2:
            raise ValueError(f"{n} sample(s): an interval needs at least two")
        if not all(map(math.isfinite, samples)):
            # Infinities of both signs have no sum; whoever uses the estimate checks that it is finite.
            return cls(math.nan, math.nan, n - 1, tuple(samples), num_matvecs, method, dtype, device)
        mean = math.fsum(samples) / n
        variance = math.fsum((x - mean) * (x - mean) for x in samples) / (n - 1)
        return cls(mean, math.sqrt(variance / n), n - 1, tuple(samples), num_matvecs, method, dtype, device)

    @property
    def is_exact(self) -> bool:
        """Whether there is no sampling error."""
        return math.isinf(self.degrees_of_freedom) and self.standard_error == 0

    @cached_property
    def skewness(self) -> float:
        """The samples' skewness, m₃/m₂^(3/2)."""
        return skewness(self.samples)

    def interval(self, level: float = 0.95) -> Interval:
        """Return the two-sided interval, which covers the true value with probability `level`.

        It holds Student's and Hall's interval of the samples' mean, see `mean_interval`; for an exact number it is that number
        twice.
        """
        if self.standard_error == 0:
            return self.value, self.value
        if not math.isfinite(self.value):
            return math.nan, math.nan
        tail = (1 - level) * self.alpha_share / 2
        return mean_interval(self.value, self.standard_error, self.skewness, len(self.samples), tail)

    def with_more_work(self, num_matvecs: int) -> Estimate:
        """Return the same, with so many more quadratic forms and products that were spent on the way to it."""
        return replace(self, num_matvecs=self.num_matvecs + num_matvecs)

    def shifted(self, constant: float) -> Estimate:
        """Return the estimate of this quantity plus a known constant."""
        return replace(self, value=self.value + constant, samples=tuple(x + constant for x in self.samples))
