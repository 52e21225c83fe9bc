"""Spectral inflation: how the spectrum grows with radius, moves with weight decay and changes through training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from villani_verify.estimation.estimate import Interval
from villani_verify.landscape import Landscape
from villani_verify.points import Point
from villani_verify.radii import check_radii, scaled
from villani_verify.theory.spectrum.extremes import Extreme
from villani_verify.theory.spectrum.measurement import measure_spectrum
from villani_verify.theory.spectrum.point_spectrum import PointSpectrum
from villani_verify.theory.spectrum.settings import SpectrumSettings

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class InflationRow:
    """One spectrum of a series, in a few numbers.

    Attributes:
        at: radius, weight decay, or number of steps.
        smallest: eigenvalue.
        largest: eigenvalue.
        mean: ΔF/d and its interval.
        negative: fraction of eigenvalues below zero and its interval.
        inflation: largest eigenvalue over that of the first row, and its interval; None unless the first is surely positive.
    """

    at: float
    smallest: Extreme
    largest: Extreme
    mean: tuple[float, Interval]
    negative: tuple[float, Interval]
    inflation: tuple[float, Interval] | None


def inflation(spectra: Sequence[PointSpectrum], at: Sequence[float], level: float = 0.95) -> list[InflationRow]:
    """Summarise a series of spectra.

    Args:
        spectra: at least one.
        at: where each was measured.
        level: of each interval on its own. An interval of `inflation` needs two others, each of which then has half the error
            probability.
    """
    halved = (1 + level) / 2
    first = spectra[0].extremes(halved)[1]
    rows = []
    for i, (found, where) in enumerate(zip(spectra, at, strict=True)):
        smallest, largest = found.extremes(level)
        ratio: tuple[float, Interval] | None = None
        if first.interval[0] > 0:
            ends = found.extremes(halved)[1].interval
            # A negative lower end is made larger in magnitude by the smaller denominator.
            low, high = (end / first.interval[(end > 0) == (k == 0)] for k, end in enumerate(ends))
            ratio = (1.0, (1.0, 1.0)) if i == 0 else (largest.value / first.value, (low, high))
        rows.append(InflationRow(where, smallest, largest, found.mean(level), found.fraction_negative(level), ratio))
    return rows


def along_radius(
    landscape: Landscape,
    radii: Sequence[float],
    *,
    settings: SpectrumSettings | None = None,
    progress: Progress = lambda message, done, total: None,
) -> list[PointSpectrum]:
    """Return the spectra at θ₀ scaled to each radius.

    Raises:
        RequestError: if a radius is not positive, or θ₀ = 0.
        LandscapeError: if a product is not finite.
    """
    check_radii(radii)
    return through_training(landscape, list(scaled(landscape, radii)), settings=settings, progress=progress)


def through_training(
    landscape: Landscape,
    points: Sequence[Point],
    *,
    settings: SpectrumSettings | None = None,
    progress: Progress = lambda message, done, total: None,
) -> list[PointSpectrum]:
    """Return the spectra at a list of points, such as the checkpoints of a training run.

    Raises:
        LandscapeError: if a product is not finite.
    """
    spectra = []
    for i, point in enumerate(points):
        what = f"spectrum {i + 1} of {len(points)}"
        spectra.append(measure_spectrum(landscape, point, settings=settings, progress=partial(progress, what)))
    return spectra


def over_decays(found: PointSpectrum, decays: Sequence[float]) -> list[PointSpectrum]:
    """Return the spectra at the same θ for each λ, by an exact shift; no product is computed.

    Raises:
        RequestError: if tensors have decays of their own, or a λ is no finite number ≥ 0.
    """
    return [found.with_decay(lam) for lam in decays]
