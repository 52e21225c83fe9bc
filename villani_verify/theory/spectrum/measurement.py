"""The spectrum of ∇²F at chosen radii or checkpoints: the `spectrum` command as a function."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from villani_verify.curvature.probes import derive_seed
from villani_verify.errors import DeviceError, LandscapeError, RequestError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.checkpoints import check_checkpoints, checkpoint
from villani_verify.memory import is_out_of_memory
from villani_verify.notes import collected_notes
from villani_verify.points import Point, norm
from villani_verify.radii import check_radii, scaled
from villani_verify.theory.spectrum.extremes import Extreme
from villani_verify.theory.spectrum.lanczos import lanczos
from villani_verify.theory.spectrum.operator import HessianOperator
from villani_verify.theory.spectrum.point_spectrum import Curve, PointSpectrum
from villani_verify.theory.spectrum.ritz import ritz_values
from villani_verify.theory.spectrum.settings import SpectrumSettings, plan
from villani_verify.verification import strict_json

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SpectrumMeasurement:
    """Spectra at one or more points.

    Attributes:
        name: of the landscape.
        points: one for each radius or checkpoint.
        level: confidence of the intervals.
        dimension: `d`.
        kernel_width: of the densities; None for what the number of steps can resolve at each point.
        settings: as asked for.
        seconds: wall-clock time of all points.
        notes: what went otherwise than asked.
        checkpoints: the directory of each point; empty where the points are of the landscape itself.
    """

    name: str
    points: tuple[PointSpectrum, ...]
    level: float
    dimension: int
    kernel_width: float | None
    settings: SpectrumSettings
    seconds: float
    notes: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the results object: plain JSON values, all of them of ∇²F."""
        names = self.checkpoints or (None,) * len(self.points)
        rows = [_row(p, self.level, self.kernel_width) for p in self.points]
        return strict_json({
            "landscape": self.name,
            "dimension": self.dimension,
            "level": self.level,
            "num_probes": self.settings.num_probes,
            "steps": self.settings.steps,
            "seed": self.settings.seed,
            "points": [{"checkpoint": name} | row for name, row in zip(names, rows, strict=True)],
            "num_matvecs": sum(p.num_matvecs for p in self.points),
            "seconds": self.seconds,
            "reorthogonalisation": self.points[0].reorthogonalisation,
            "notes": list(self.notes),
        })  # fmt: skip


def spectrum(
    landscape: Landscape,
    *,
    radii: Sequence[float] = (),
    checkpoints: Sequence[str] = (),
    settings: SpectrumSettings | None = None,
    kernel_width: float | None = None,
    level: float = 0.95,
    progress: Progress = lambda message, done, total: None,
) -> SpectrumMeasurement:
    """Measure the spectrum of ∇²F, with intervals.

    Args:
        landscape: `F`.
        radii: norms to which θ₀ is scaled; none for θ₀ as it is.
        checkpoints: directories with parameters to take in place of θ₀; see `checkpoint`. Not beside radii.
        settings: how much work; default `SpectrumSettings()`.
        kernel_width: standard deviation of the density's kernel, in units of eigenvalues; default what the steps can resolve.
        level: confidence of the intervals.
        progress: told how many products are done.

    Raises:
        RequestError: if an option is out of range, the memory is too small, a radius is asked for where θ₀ = 0, or a checkpoint is
            of another model.
        ModelError: if a checkpoint cannot be read.
        LandscapeError: if the loss is not a finite, non-negative, deterministic scalar, or a product is not finite.
        DeviceError: if memory runs out.
    """
    check_places(radii, checkpoints)
    check_kernel_width(kernel_width)
    chosen = settings or SpectrumSettings()
    started = time.perf_counter()
    with collected_notes() as notes:
        plan(landscape, chosen)  # refuses what does not fit, before the loss is looked at
        landscape.check()
        places: Iterator[Point] = (checkpoint(landscape, c) for c in checkpoints) if checkpoints else scaled(landscape, radii)
        points = []
        for i, point in enumerate(places):
            at = f"checkpoint {checkpoints[i]}" if checkpoints else f"radius {norm(point):.4g}"
            where = f"spectrum at {at}, {i + 1} of {len(checkpoints or radii) or 1}"
            points.append(measure_spectrum(landscape, point, settings=chosen, progress=partial(progress, where)))
    return SpectrumMeasurement(
        landscape.name,
        tuple(points),
        level,
        landscape.dimension,
        kernel_width,
        chosen,
        time.perf_counter() - started,
        notes.texts(),
        tuple(checkpoints),
    )


def check_places(radii: Sequence[float], checkpoints: Sequence[str]) -> None:
    """Check where to measure, before anything is loaded.

    Raises:
        RequestError: if a radius is not a positive finite number, or there are radii and checkpoints.
        ModelError: if a checkpoint is no directory of a model.
    """
    check_radii(radii)
    if radii and checkpoints:
        raise RequestError(
            f"radius {radii[0]:g} and checkpoint {checkpoints[0]!r}: they exclude each other; measure one after the other"
        )
    check_checkpoints(checkpoints)


def check_kernel_width(kernel_width: float | None) -> None:
    """Check the width of a kernel; None is the default.

    Raises:
        RequestError: if it is not a positive finite number.
    """
    if kernel_width is not None and not (math.isfinite(kernel_width) and kernel_width > 0):
        raise RequestError(f"kernel width {kernel_width}: it is not a positive finite number; give one such as 0.1")


def measure_spectrum(
    landscape: Landscape,
    point: Point,
    *,
    settings: SpectrumSettings | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PointSpectrum:
    """Measure the spectrum of ∇²F(θ).

    Args:
        landscape: `F`.
        point: θ.
        settings: how much work; default `SpectrumSettings()`.
        progress: told how many of all steps are done.

    Raises:
        RequestError: if the memory does not hold the few vectors that a run needs.
        LandscapeError: if L or a product is not finite, with the place.
        DeviceError: if memory runs out.
    """
    chosen = settings or SpectrumSettings()
    made = plan(landscape, chosen)
    started = time.perf_counter()
    radius, loss = norm(point), landscape.loss(point)
    if not math.isfinite(loss):
        kind = str(landscape.dtype).removeprefix("torch.")
        raise LandscapeError(
            f"loss of landscape {landscape.name!r} at radius {radius:.4g}: {loss} is not finite in {kind}; use a smaller "
            "radius or --dtype float64"
        )
    operator = HessianOperator(landscape, point)
    seed = derive_seed(chosen.seed, "spectrum")
    runs, forms = [], []
    every = range(chosen.num_probes)
    groups = [every[k : k + made.starts_at_once] for k in range(0, len(every), made.starts_at_once)]
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, len(groups) * made.steps)

    for indices in groups:
        try:
            found = lanczos(
                operator, operator.starts(seed, indices), made.steps, reorthogonalise=made.reorthogonalise, on_step=step
            )
        except (MemoryError, RuntimeError) as e:
            if not is_out_of_memory(e):
                raise
            raise DeviceError(
                f"device {landscape.device}: no memory for the Lanczos vectors of {len(indices)} starts at once; give a smaller "
                "--memory, or fewer --steps"
            ) from e
        runs += [ritz_values(t, orthogonal=made.reorthogonalise) for t in found]
        # The first coefficient is the form of the unit start; the decays' part of it is known and taken out.
        decays = np.zeros(len(found)) if operator.uniform else _decay_forms(operator, operator.starts(seed, indices))
        forms += [float(t.diagonal[0] - known) for t, known in zip(found, decays, strict=True)]
    return PointSpectrum(
        radius=radius,
        dimension=landscape.dimension,
        runs=tuple(runs),
        shift=operator.shift,
        uniform=operator.uniform,
        decay_mean=landscape.decay_laplacian / landscape.dimension,
        loss_forms=tuple(forms),
        num_matvecs=operator.num_matvecs,
        seconds=time.perf_counter() - started,
        reorthogonalisation="full" if made.reorthogonalise else "none",
    )


def _decay_forms(operator: HessianOperator, starts: Any) -> Any:
    squares = starts.double().square()
    return ((squares * operator.decays().double()).sum(1) / squares.sum(1)).cpu().numpy()


def _row(p: PointSpectrum, level: float, kernel_width: float | None) -> dict[str, Any]:
    smallest, largest = p.extremes(level)
    width = kernel_width or p.kernel_width()
    grid = p.grid(width)
    density, cumulative = p.density(grid, width, level), p.fraction_below(grid, level)
    band = p.fraction_below(grid, level, simultaneous=True)
    negative = p.fraction_negative(level)
    return {
        "radius": p.radius,
        "extremes": {"smallest": _extreme(smallest), "largest": _extreme(largest)},
        "density": _curve(density) | {"kernel_width": width},
        "cumulative": _curve(cumulative) | {"band": _pairs(band)},
        "moments": {"mean": _estimate(p.mean(level)), "second": _estimate(p.second_moment(level))},
        "fraction_negative": _estimate(negative),
        "exact": p.exact,
        "ghosts": p.ghosts,
        "rounding": p.rounding,
        "num_matvecs": p.num_matvecs,
        "seconds": p.seconds,
    }


def _extreme(e: Extreme) -> dict[str, Any]:
    return {"value": e.value, "interval": e.interval, "residual": e.residual, "converged": e.converged}


def _estimate(found: tuple[float, tuple[float, float]]) -> dict[str, Any]:
    return {"value": found[0], "interval": found[1]}


def _curve(curve: Curve) -> dict[str, Any]:
    return {"grid": curve.grid.tolist(), "value": curve.value.tolist(), "interval": _pairs(curve)}


def _pairs(curve: Curve) -> list[list[float]]:
    return np.stack([curve.low, curve.high], axis=1).tolist()
