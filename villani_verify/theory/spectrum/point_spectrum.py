"""The spectrum of ∇²F at one θ, from Lanczos runs of independent normal starts (stochastic Lanczos quadrature).

The density of states (1/d) Σ_i δ(x − λ_i) is the mean over random unit vectors v of their spectral measures
Σ_i (q_iᵀv)² δ(x − λ_i), of which k Lanczos steps give the first 2k moments (Golub and Meurant 2010; Ubaru, Chen and Saad 2017).
Measures of K starts are averaged with the weights ‖g_k‖²: together they are that of one vector of Kd dimensions, whose
distribution is known (`intervals`). An interval is widened by what the quadrature leaves open (`quadrature`). What follows from
the decay is exact: it moves every eigenvalue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from villani_verify.errors import RequestError
from villani_verify.estimation.estimate import Estimate, Interval
from villani_verify.theory.spectrum.extremes import Extreme, extremes
from villani_verify.theory.spectrum.intervals import fraction_interval, signed_interval, simultaneous_alpha
from villani_verify.theory.spectrum.lanczos import Array
from villani_verify.theory.spectrum.quadrature import gaussian, local_error, mass_below, polynomial_error
from villani_verify.theory.spectrum.ritz import Ritz

ENCLOSURE_LEVEL = 0.999
"""At which the interval that the quadrature's error bound needs holds the whole spectrum."""
WIDTH = 3.5
"""The kernel's width times the quadrature's degree over half the range; the polynomial bound is then 1e-3 of the peak."""
_FEWEST_CELLS, _MOST_CELLS = 200, 2000


@dataclass(frozen=True)
class Curve:
    """A function of x with intervals.

    Attributes:
        grid: x, rising.
        value: estimates.
        low: lower ends, each at the level on its own.
        high: upper ends.
    """

    grid: Array
    value: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class PointSpectrum:
    """What K Lanczos runs say of the eigenvalues of ∇²F(θ).

    Attributes:
        radius: ‖θ‖.
        dimension: `d`.
        runs: Ritz values of A = ∇²F − shift · I.
        shift: the decay λ that all tensors share; 0 where decays differ.
        uniform: whether all tensors have the same decay.
        decay_mean: Σ_t λ_t d_t/d, exact.
        loss_forms: vᵀ∇²L v for the unit start v of each run, in which decay plays no part.
        num_matvecs: Hessian-vector products.
        seconds: wall-clock time.
        reorthogonalisation: "full" or "none".
    """

    radius: float
    dimension: int
    runs: tuple[Ritz, ...] = field(repr=False)
    shift: float
    uniform: bool
    decay_mean: float
    loss_forms: tuple[float, ...] = field(repr=False)
    num_matvecs: int
    seconds: float
    reorthogonalisation: str

    @property
    def exact(self) -> bool:
        """Whether all d eigenvalues are known, so that nothing is estimated."""
        return self._complete is not None

    @property
    def _complete(self) -> Ritz | None:
        return next((r for r in self.runs if r.exhausted and len(r.values) == self.dimension), None)

    @property
    def measured(self) -> tuple[Ritz, ...]:
        """The runs, moved by the decay; where all eigenvalues are known, one run in which they count alike."""
        complete = self._complete
        if complete is None:
            return tuple(r.shifted(self.shift) for r in self.runs)
        return (replace(complete.shifted(self.shift), weights=np.full(self.dimension, 1 / self.dimension)),)

    @property
    def rounding(self) -> float:
        """By how much rounding of the products is taken to move eigenvalues."""
        return max(r.rounding for r in self.runs)

    @property
    def ghosts(self) -> int:
        """How many Ritz values are spurious or repeated, over all runs."""
        return sum(int(r.ghost.sum()) for r in self.runs)

    def with_decay(self, weight_decay: float) -> PointSpectrum:
        """Return the spectrum at the same θ for another λ, common to all tensors: every eigenvalue moves, nothing is computed.

        Raises:
            RequestError: if tensors have decays of their own, or λ is no finite number ≥ 0.
        """
        if not self.uniform:
            raise RequestError(
                f"weight decay {weight_decay:g}: tensors have decays of their own here; measure at each decay instead"
            )
        if not (math.isfinite(weight_decay) and weight_decay >= 0):
            raise RequestError(f"weight decay {weight_decay}: it is not a finite number ≥ 0; give one such as 0.1")
        return replace(self, shift=float(weight_decay), decay_mean=float(weight_decay))

    def extremes(self, level: float = 0.95) -> tuple[Extreme, Extreme]:
        """Return the smallest and the largest eigenvalue; their intervals hold together at `level`."""
        return extremes(self.measured, level)

    def fraction_below(self, x: Sequence[float] | Array, level: float = 0.95, *, simultaneous: bool = False) -> Curve:
        """Return N(x)/d, the fraction of eigenvalues up to x, with intervals that are exact at any number of starts.

        Args:
            x: thresholds, chosen without a look at the result unless `simultaneous`.
            level: confidence.
            simultaneous: whether all intervals hold at once, for every x on the line, or each on its own.
        """
        grid = np.asarray(x, dtype=float)
        value, low, high = self._pooled([np.stack(mass_below(r, grid)) for r in self.measured])
        if not self.exact:
            alpha = simultaneous_alpha(1 - level, self.dimension) if simultaneous else 1 - level
            low, high = fraction_interval(low, high, self.dimension, len(self.runs), alpha)
        return Curve(grid, value, low, high)

    def fraction_negative(self, level: float = 0.95) -> tuple[float, Interval]:
        """Return the fraction of eigenvalues below zero, by more than rounding, with its interval."""
        # Strictly below: an eigenvalue of zero is not negative.
        curve = self.fraction_below([np.nextafter(-self.rounding, -math.inf)], level)
        return float(curve.value[0]), (float(curve.low[0]), float(curve.high[0]))

    def mean(self, level: float = 0.95) -> tuple[float, Interval]:
        """Return ΔF/d = tr ∇²F/d with its interval.

        Where tensors have decays of their own their mean is added exactly to that of ∇²L, whose interval is then Student-t.
        """
        if self.uniform or self.exact:
            return self._moment(1, level)
        estimate = Estimate.mean_of(
            self.loss_forms, num_matvecs=self.num_matvecs, method="lanczos", dtype="", device=""
        ).shifted(self.decay_mean)  # fmt: skip
        return estimate.value, estimate.interval(level)

    def second_moment(self, level: float = 0.95) -> tuple[float, Interval]:
        """Return tr (∇²F)²/d = ‖∇²F‖_F²/d with its interval."""
        return self._moment(2, level)

    def kernel_width(self) -> float:
        """Return the standard deviation of the kernel that this number of steps can resolve."""
        degree = 2 * max(len(r.values) for r in self.measured) - 1
        low, high = min(r.values[0] for r in self.measured), max(r.values[-1] for r in self.measured)
        return max(WIDTH * (high - low) / 2 / degree, 1e-3 * max(abs(low), abs(high))) or 1.0

    def grid(self, width: float) -> Array:
        """Return evenly spaced x over the spectrum and three widths on either side."""
        low, high = min(r.values[0] for r in self.measured), max(r.values[-1] for r in self.measured)
        cells = int(min(max(2 * (high - low + 6 * width) / width, _FEWEST_CELLS), _MOST_CELLS))
        return np.linspace(low - 3 * width, high + 3 * width, cells + 1)

    def density(self, x: Sequence[float] | Array, width: float, level: float = 0.95) -> Curve:
        """Return (1/d) Σ_i φ_σ(x − λ_i), with the normal density φ_σ of standard deviation σ, and pointwise intervals.

        Args:
            x: where.
            width: σ, in units of eigenvalues. Below `kernel_width` the quadrature's error makes the intervals wide.
            level: confidence of each interval on its own, up to the probability 0.001 that the spectrum reaches further than
                thought.
        """
        grid = np.asarray(x, dtype=float)
        nodes, weights = self._nodes()
        kernel = gaussian(nodes - grid[:, None], width)
        if self.exact:
            value = kernel @ weights
            return Curve(grid, value, value, value)
        smallest, largest = self.extremes(ENCLOSURE_LEVEL)
        ends = smallest.interval[0], largest.interval[1]
        if all(map(math.isfinite, ends)):
            error = np.minimum(
                self._pooled([local_error(r, grid, width, ends)[None] for r in self.measured])[0],
                self._polynomial_error(grid, width, ends),
            )
        else:
            error = np.full_like(grid, gaussian(np.zeros(1), width)[0])
        value, low, high = signed_interval(kernel, weights, self.dimension, len(self.runs), 1 - level, error)
        return Curve(grid, value, np.maximum(low, 0.0), high)

    def _polynomial_error(self, grid: Array, width: float, ends: tuple[float, float]) -> Array:
        # Runs of one size share a bound; those that ended early are exact.
        sizes = {len(r.values) for r in self.measured if not r.exhausted}
        return polynomial_error(2 * min(sizes) - 1, grid, width, ends) if sizes else np.zeros_like(grid)

    def _moment(self, power: int, level: float) -> tuple[float, Interval]:
        nodes, weights = self._nodes()
        if self.exact:
            value = float(nodes**power @ weights)
            return value, (value, value)
        value, low, high = map(float, signed_interval(nodes**power, weights, self.dimension, len(self.runs), 1 - level))
        return value, (low, high)

    def _nodes(self) -> tuple[Array, Array]:
        runs = self.measured
        weights = [share * r.weights for share, r in zip(self._shares(), runs, strict=True)]
        return np.concatenate([r.values for r in runs]), np.concatenate(weights)

    def _shares(self) -> Array:
        norms = np.array([r.start_norm_squared for r in self.measured])
        return norms / norms.sum()

    def _pooled(self, rows: Sequence[Array]) -> Array:
        return np.tensordot(self._shares(), np.stack(rows), axes=1)
