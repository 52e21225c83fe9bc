"""Ψ_s, ΔF and s* at chosen radii: the `psi` command as a function."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.probes import derive_seed
from villani_verify.environment import peak_memory_bytes
from villani_verify.errors import RequestError
from villani_verify.estimation.adaptive import check_method
from villani_verify.estimation.psi import PointMeasurement, measure_point
from villani_verify.landscape import Landscape
from villani_verify.notes import collected_notes
from villani_verify.radii import check_radii, scaled
from villani_verify.verification import check_temperatures, strict_json

EXACT_DIMENSION = 2000
"""Up to this dimension the Laplacian is computed exactly, unless a number of probes is asked for."""
NUM_PROBES = 16
"""For each point above that dimension, unless another number is asked for."""


@dataclass(frozen=True)
class PsiMeasurement:
    """Measurements at one or more radii.

    Attributes:
        points: one for each radius.
        temperatures: the s at which Ψ_s is reported.
        level: confidence of the intervals.
        dimension: `d`.
        engine: name of the engine.
        seconds: wall-clock time of all points.
        peak_memory_bytes: of the device, or of the process.
        notes: what went otherwise than asked.
    """

    points: tuple[PointMeasurement, ...]
    temperatures: tuple[float, ...]
    level: float
    dimension: int
    engine: str
    seconds: float
    peak_memory_bytes: int
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the results object: plain JSON values; Ψ, `laplacian` and s* are those of F, `loss` is L."""
        matvecs = sum(p.laplacian.num_matvecs for p in self.points)
        return strict_json({
            "dimension": self.dimension,
            "engine": self.engine,
            "level": self.level,
            "points": [_row(p, self.temperatures, self.level) for p in self.points],
            "seconds": self.seconds,
            "seconds_per_probe": self.seconds / matvecs if matvecs else None,
            "peak_memory_bytes": self.peak_memory_bytes,
            "notes": list(self.notes),
        })  # fmt: skip


def psi(
    landscape: Landscape,
    *,
    radii: Sequence[float] = (),
    temperatures: Sequence[float] = (1.0,),
    num_probes: int | None = None,
    target_relative_error: float | None = None,
    seed: int = 0,
    engine: str = "auto",
    method: str = "auto",
    level: float = 0.95,
) -> PsiMeasurement:
    """Measure Ψ_s, ΔF and s* with intervals.

    Args:
        landscape: `F`.
        radii: norms to which θ₀ is scaled; none for θ₀ as it is.
        temperatures: `s`.
        num_probes: ±1 probes for each point; by default exact up to 2,000 parameters and 16 probes above.
        target_relative_error: draw probes until the interval of ΔL is within ± this fraction, looks accounted for.
        seed: address of the probes.
        engine: as for `verify`.
        method: how a target is reached: auto, hutchinson, hutch++ or two-level.
        level: confidence of the intervals.

    Raises:
        RequestError: if an option is out of range, or a radius is asked for where θ₀ = 0.
        LandscapeError: if the loss is not a finite, non-negative, deterministic scalar.
    """
    check_temperatures(temperatures)
    _check_options(radii, num_probes, target_relative_error)
    check_method(method)
    landscape.check()
    places = scaled(landscape, radii)
    chosen = engine_for(engine)
    sampled = num_probes is not None or target_relative_error is not None
    started = time.perf_counter()
    points = []
    with collected_notes() as notes:
        for i, place in enumerate(places):
            points.append(
                measure_point(
                    landscape,
                    place,
                    engine=chosen,
                    seed=derive_seed(seed, "psi", i),
                    num_probes=num_probes or NUM_PROBES,
                    exact_dimension=0 if sampled else EXACT_DIMENSION,
                    target_relative_error=target_relative_error,
                    method=method,
                )
            )
    return PsiMeasurement(
        tuple(points), tuple(temperatures), level, landscape.dimension, chosen.name, time.perf_counter() - started,
        peak_memory_bytes(landscape.device), notes.texts(),
    )  # fmt: skip


def _check_options(radii: Sequence[float], num_probes: int | None, target: float | None) -> None:
    check_radii(radii)
    if num_probes is not None and num_probes < 2:
        raise RequestError(f"number of probes {num_probes}: an interval needs at least 2, and 10 to cover; give 16")
    if target is not None and not 0 < target < 1:
        raise RequestError(f"target relative error {target}: it is not between 0 and 1; give one such as 0.01")


def _row(p: PointMeasurement, temperatures: Sequence[float], level: float) -> dict[str, Any]:
    return {
        "radius": p.radius,
        "loss": p.loss,
        "value": p.value,
        "gradient_norm_squared": p.gradient_norm_squared,
        "loss_gradient_norm_squared": p.loss_gradient_norm_squared,
        "laplacian": {
            "value": p.laplacian.value,
            "standard_error": p.laplacian.standard_error,
            "interval": p.laplacian.interval(level),
            "num_matvecs": p.laplacian.num_matvecs,
            "method": p.laplacian.method,
        },
        "loss_laplacian": p.loss_laplacian.value,
        "psi": [{"temperature": s, "value": p.psi(s), "interval": p.psi_interval(s, level)} for s in temperatures],
        "critical_temperature": {"value": p.critical_temperature, "interval": p.critical_temperature_interval(level)},
    }
