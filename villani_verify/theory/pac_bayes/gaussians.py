"""The prior N(w₀, τ²I), the posterior N(w, σ_t² I) with one σ for each tensor, and their divergence in closed form.

τ² = 1/λ by default. The Gibbs measure ∝ exp(−2F/s) with L = 0 is N(0, s/(2λ) I), so 1/λ is its variance at s = 2, where the
density is exp(−F); for another temperature the precision to ask for is 2λ/s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from villani_verify.curvature.probes import normals
from villani_verify.errors import RequestError
from villani_verify.points import Point, squared_norm, templates_of

SOURCES = ("initialisation", "other data", "training data")
"""Where a prior mean that is not zero may come from; only the first two leave the bounds valid."""


@dataclass(frozen=True)
class PriorMean:
    """w₀, and where it comes from.

    Attributes:
        source: "zero", or one of `SOURCES`.
        point: name → tensor of w₀; None for zero.
    """

    source: str = "zero"
    point: Point | None = None

    @classmethod
    def at(cls, point: Point, *, source: str) -> PriorMean:
        """Return the mean `point`, of which the caller says where it comes from.

        Raises:
            RequestError: if the source is not one of `SOURCES`.
        """
        if source not in SOURCES:
            raise RequestError(f"source {source!r} of the prior mean: unknown; choose one of {', '.join(SOURCES)}")
        return cls(source, {name: point[name].detach() for name in point})

    @property
    def valid(self) -> bool:
        """Whether it was chosen before the training data, which every bound needs."""
        return self.source != "training data"

    def squared_distances(self, mean: Point) -> dict[str, float]:
        """Return ‖w_t − w₀_t‖² for each tensor of the posterior mean w, in float64.

        Raises:
            RequestError: if w₀ has other tensors; if it equals w and yet claims not to come from the training data; if a
                distance overflows.
        """
        if self.point is None:
            found = {name: squared_norm(mean[name]) for name in mean}
        else:
            self._check_shapes(mean)
            found = {name: squared_norm(mean[name].double() - self.point[name].to(mean[name].device).double()) for name in mean}
            if self.valid and not any(found.values()):
                raise RequestError(
                    f"prior mean of source {self.source!r}: it equals the posterior mean, so it has seen what that was trained on; "
                    "give the parameters as they were before training, or the prior mean zero for a model that was not trained"
                )
        if not math.isfinite(math.fsum(found.values())):
            raise RequestError("squared distance of posterior and prior mean: it is not finite; mend the parameters")
        return found

    def _check_shapes(self, mean: Point) -> None:
        assert self.point is not None
        ours, theirs = ({n: tuple(t.shape) for n, t in templates_of(p).items()} for p in (self.point, mean))
        wrong = sorted(n for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n))
        if wrong:
            raise RequestError(
                f"prior mean: its tensor {wrong[0]!r} has shape {ours.get(wrong[0])}, the posterior's {theirs.get(wrong[0])}; "
                "give a model of the same architecture"
            )


def gaussian_divergence(
    counts: Sequence[int], squared_distances: Sequence[float], posterior_sds: Sequence[float], prior_precision: float
) -> float:
    """Return KL(N(w, σ²) ‖ N(w₀, I/λ)) in nats.

        KL = ½ Σ_t [ d_t (λσ_t² − 1 − ln(λσ_t²)) + λ ‖w_t − w₀_t‖² ]

    In float64. With x = λσ² − 1 the first term is x − ln(1 + x), so that nothing is lost where the variances are nearly equal.

    Args:
        counts: d_t, numbers in each tensor.
        squared_distances: ‖w_t − w₀_t‖².
        posterior_sds: σ_t.
        prior_precision: λ = 1/τ².

    Raises:
        RequestError: if λ or a σ is not positive and finite, or the divergence overflows.
    """
    check_precision(prior_precision)
    terms = []
    for count, distance, sd in zip(counts, squared_distances, posterior_sds, strict=True):
        check_sd(sd)
        excess = prior_precision * sd * sd - 1
        # Where λσ² is below rounding of 1, the logarithm is taken of the factors.
        log_ratio = math.log1p(excess) if excess > -0.5 else math.log(prior_precision) + 2 * math.log(sd)
        terms.append(count * (excess - log_ratio) + prior_precision * distance)
    if not all(map(math.isfinite, terms)) or math.isinf(sum(terms)):
        raise RequestError(
            f"divergence from the prior with precision {prior_precision:g} in {sum(counts):,} dimensions: it overflows; "
            "give precisions and deviations nearer to 1"
        )
    return max(0.0, 0.5 * math.fsum(terms))


@dataclass(frozen=True)
class Posterior:
    """N(w, diag(σ_t²)): independent Gaussian noise around trained parameters w.

    Attributes:
        mean: the parameters w.
        sds: σ_t for each tensor.
        label: the number the user gave: σ, or the ratio of σ_t to the tensor's root mean square.
    """

    mean: Point
    sds: Mapping[str, float]
    label: float

    @classmethod
    def isotropic(cls, mean: Point, sd: float) -> Posterior:
        """Return N(w, σ²I).

        Raises:
            RequestError: if σ is not positive and finite.
        """
        check_sd(sd)
        return cls(mean, dict.fromkeys(mean, float(sd)), float(sd))

    @classmethod
    def relative(cls, mean: Point, ratio: float) -> Posterior:
        """Return the posterior with σ_t = ratio · ‖w_t‖/√d_t; a tensor of zeros takes the root mean square of all of w.

        Q may depend on the sample in any way, so no price is due for this.

        Raises:
            RequestError: if the ratio is not positive and finite, or w = 0.
        """
        check_sd(ratio)
        squares, counts = {n: squared_norm(mean[n]) for n in mean}, _counts(mean)
        overall = math.sqrt(math.fsum(squares.values()) / sum(counts.values()))
        if overall == 0:
            raise RequestError("posterior deviation relative to the parameters: they are all zero; give it as a number")
        return cls(mean, {n: ratio * (math.sqrt(squares[n] / counts[n]) or overall) for n in mean}, float(ratio))

    @property
    def dimension(self) -> int:
        """The number d of parameters."""
        return sum(_counts(self.mean).values())

    def divergence(self, prior_precision: float, squared_distances: Mapping[str, float]) -> float:
        """Return KL(Q‖P) for P = N(w₀, I/λ), given ‖w_t − w₀_t‖²; see `gaussian_divergence`."""
        counts = _counts(self.mean)
        return gaussian_divergence(
            [counts[n] for n in self.sds], [squared_distances[n] for n in self.sds], list(self.sds.values()), prior_precision
        )

    def draw(self, noise: Point) -> dict[str, Tensor]:
        """Return w + σ_t z_t for standard normal z; computed in w's dtype."""
        return {n: self.mean[n] + self.sds[n] * noise[n] for n in self.mean}


def standard_noise(mean: Point, *, seed: int, index: int) -> Point:
    """Return standard normal numbers shaped like `mean`, addressed by (seed, index, name of the tensor)."""
    return {n: normals(n, mean[n].shape, seed=seed, index=index, like=mean[n]) for n in mean}


def check_precision(precision: float) -> None:
    """Raise RequestError if a prior precision is not positive and finite."""
    if not (math.isfinite(precision) and precision > 0):
        raise RequestError(
            f"prior precision {precision}: it is not a positive finite number, so there is no prior; give one such as 0.1"
        )


def check_sd(sd: float) -> None:
    """Raise RequestError if a posterior deviation is not positive and finite: with none, KL(Q‖P) = ∞."""
    if not (math.isfinite(sd) and sd > 0):
        raise RequestError(f"posterior standard deviation {sd}: it is not a positive finite number; give one such as 0.01")


def _counts(point: Point) -> dict[str, int]:
    return {n: t.numel() for n, t in templates_of(point).items()}
