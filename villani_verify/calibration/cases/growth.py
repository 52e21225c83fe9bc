"""Intervals of growth exponents, and joint bounds of s* along a family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from villani_verify.calibration.case import LEVEL, Asked, Case, Replication
from villani_verify.calibration.subjects import Subject, light, quartic
from villani_verify.criteria.bounded import upper_critical_temperatures
from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.measured_family import measure_family
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.probes import derive_seed
from villani_verify.estimation.critical_growth import critical_temperature_growth
from villani_verify.estimation.growth import fit_growth
from villani_verify.estimation.psi import PointMeasurement
from villani_verify.search.families import Ray
from villani_verify.search.scan import log_spaced

_RADII = log_spaced(1.0, 10.0, 5)
_RAYS = 3
_PROBES = 16


def _normal_scatter(rays: int, deviation: float) -> Replication:
    def replication(seed: int) -> bool:
        noise = np.random.default_rng(seed).standard_normal((rays, len(_RADII) + 1))
        logs = 3 * noise[:, :1] + 1.5 * np.log(_RADII) + deviation * noise[:, 1:]
        fit = fit_growth([list(zip(_RADII, map(float, row), strict=True)) for row in np.exp(logs)])
        assert fit is not None, "there are points enough"
        low, high = fit.interval(LEVEL)
        return low <= 1.5 <= high

    return replication


def measured_rays(
    subject: Subject, seed: int, *, rays: int = _RAYS, exact: bool = False, fresh: bool = False
) -> list[tuple[PointMeasurement, ...]]:
    """Measure the same few isotropic rays, with probes that depend on the seed.

    Args:
        subject: whose L.
        seed: of the probes.
        rays: how many.
        exact: whether to compute Laplacians exactly.
        fresh: whether each radius has probes of its own; by default all radii of a ray share them, as in a verification.
    """
    landscape = subject.landscape
    budget = replace(budget_for("quick", landscape.dimension), exact_dimension=landscape.dimension if exact else 0)

    def measure(index: int, radii: list[float], label: str) -> tuple[PointMeasurement, ...]:
        return measure_family(
            landscape, Ray("isotropic", 0, index), radii, settings=Settings(derive_seed(seed, index), subject.engine),
            budget=budget, num_probes=_PROBES, label=label, cost=Cost(),
        ).points  # fmt: skip

    if fresh:
        return [tuple(measure(i, [r], f"radius {r}")[0] for r in _RADII) for i in range(rays)]
    return [measure(i, _RADII, "ray") for i in range(rays)]


def _exponent(make: Callable[[], Subject], *, fresh: bool) -> Replication:
    subject = make()

    def interval_of(rays: list[tuple[PointMeasurement, ...]]) -> tuple[float, float, float]:
        fit = critical_temperature_growth(rays)
        assert fit is not None, "there are points enough"
        return (fit.exponent, *fit.interval(LEVEL))

    truth, _, _ = interval_of(measured_rays(subject, 0, exact=True))

    def replication(seed: int) -> bool:
        _, low, high = interval_of(measured_rays(subject, seed, fresh=fresh))
        return low <= truth <= high

    return replication


def _joint_bounds(make: Callable[[], Subject]) -> Replication:
    subject = make()
    truth = [p.critical_temperature for p in measured_rays(subject, 0, rays=1, exact=True)[0]]

    def replication(seed: int) -> bool:
        bounds = upper_critical_temperatures(measured_rays(subject, seed, rays=1)[0], LEVEL)
        return all(s <= bound for s, bound in zip(truth, bounds, strict=True))

    return replication


def one_scale() -> Subject:
    """Return a loss along whose rays s* grows like r⁴ exactly."""
    matrix = light(40.0)
    return quartic(matrix, torch.zeros_like(matrix))


def noisy_inside() -> Subject:
    """Return a loss along whose measured rays s* grows like r⁴ exactly, where probes scatter by another matrix near the origin.

    That matrix has trace zero, and the rays in its null space, so that it changes neither ΔL nor ∇L there.
    """
    landscape = one_scale().landscape
    rays = torch.stack([Ray("isotropic", 0, i).points(landscape)(1.0)["theta"] for i in range(_RAYS)], 1)
    basis = torch.linalg.qr(rays).Q
    projection = torch.eye(len(basis), dtype=basis.dtype) - basis @ basis.T
    second = projection @ light(40.0, seed=4) @ projection
    return quartic(light(40.0), 3 * (second - projection * second.trace() / projection.trace()))


def two_scales() -> Subject:
    """Return a loss whose curvature is that of one matrix near the origin and that of another far out: s* is no power of r."""
    return quartic(light(40.0), 20 * light(40.0, seed=4))


_DESIGN = f"{_RAYS} rays, {len(_RADII)} radii"
GROWTH: tuple[Case, ...] = (
    Case("growth-normal", "Growth exponent", f"normal scatter in logarithms; {_DESIGN}", partial(_normal_scatter, _RAYS, 0.3)),
    Case("growth-own-probes", "Growth exponent", f"of s*, each radius with 16 probes of its own; {_DESIGN}",
         partial(_exponent, one_scale, fresh=True)),
    Case("growth-bent", "Growth exponent", f"of s*, 16 probes for all radii, no power of r; {_DESIGN}",
         partial(_exponent, two_scales, fresh=False), Asked.AT_LEAST,
         "The truth is the slope that exact values have. The interval holds the bend as well as the probes' error, so it is wide."),
    Case("growth-shared-probes", "Growth exponent", f"of s*, 16 probes for all radii, their spread no multiple of s*; {_DESIGN}",
         partial(_exponent, noisy_inside, fresh=False)),
    Case("critical-joint-bounds", "Upper bounds of s*, jointly", f"{len(_RADII)} radii, 16 probes each, shared",
         partial(_joint_bounds, two_scales), Asked.AT_LEAST,
         "Each point spends a fifth of the error probability (Bonferroni), and half of that on the lower end."),
)  # fmt: skip
"""Cases of growth exponents and joint bounds."""
