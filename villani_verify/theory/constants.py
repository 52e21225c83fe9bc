"""Constants of a Gibbs measure: the bounds that apply, what was measured, and the times that follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from villani_verify.curvature.probes import derive_seed
from villani_verify.landscape import Landscape
from villani_verify.theory.audit import Tightness, audit, compare
from villani_verify.theory.bounds.bakry_emery import bakry_emery
from villani_verify.theory.bounds.bound import Bound, ConditionStatus
from villani_verify.theory.bounds.das_dutta import das_dutta
from villani_verify.theory.bounds.derivatives import derivatives_at
from villani_verify.theory.bounds.holley_stroock import holley_stroock
from villani_verify.theory.gibbs import Gibbs
from villani_verify.theory.layout import Layout
from villani_verify.theory.mixing import MixingTime, check_divergences, mixing_time
from villani_verify.theory.poincare.box import MOST_DIMENSIONS as MOST_ON_A_GRID
from villani_verify.theory.poincare.constant import PoincareConstant
from villani_verify.theory.sampled_constant import STEPS, SampledConstant, sampled_constant

MOST_DENSE = 300
"""Parameters up to which the whole Hessian is made."""
_POINTS = 16
TARGET = 0.01


@dataclass(frozen=True)
class Constants:
    """What is known of the constants of one Gibbs measure.

    Attributes:
        name: of the landscape; None where only numbers were given.
        gibbs: the measure.
        bounds: all of them, those that do not apply included.
        measured: the Poincaré constant, or a lower bound of it, if it was asked for.
        tightness: bounds beside it.
        smoothness: M, the largest ‖∇²F‖ that was found or given; None if none was.
        initial: divergence at the start, of which `mixing` speaks.
        target: divergence that is to be reached.
        mixing: times and steps that follow from the bounds that apply.
    """

    name: str | None
    gibbs: Gibbs
    bounds: tuple[Bound, ...]
    measured: PoincareConstant | SampledConstant | None
    tightness: tuple[Tightness, ...]
    smoothness: float | None
    initial: float
    target: float
    mixing: tuple[MixingTime, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "landscape": self.name,
            "dimension": self.gibbs.dimension,
            "weight_decay": self.gibbs.weight_decay,
            "temperature": self.gibbs.temperature,
            "bounds": [b.as_dict() for b in self.bounds],
            "measured": {"poincare": None if self.measured is None else self.measured.as_dict()},
            "tightness": [t.as_dict() for t in self.tightness],
            "smoothness": self.smoothness,
            "initial_divergence": self.initial,
            "target_divergence": self.target,
            "mixing": [m.as_dict() for m in self.mixing],
        }


def constants_of_numbers(
    gibbs: Gibbs,
    *,
    oscillation: float | None = None,
    smoothness: float | None = None,
    initial: float | None = None,
    target: float = TARGET,
) -> Constants:
    """Return the bounds that need no landscape.

    Args:
        gibbs: dimension, weight decay and temperature.
        oscillation: sup L − inf L, if it is known.
        smoothness: M ≥ ‖∇²F‖ everywhere, if it is known.
        initial: divergence at the start; default one nat a parameter.
        target: divergence to be reached.
    """
    bounds = (das_dutta(gibbs), holley_stroock(gibbs, oscillation, "as given", ConditionStatus.NOT_CHECKED))
    start = _start(gibbs, initial, target)
    return _assemble(None, gibbs, bounds, None, smoothness, start, target)


def constants_of_landscape(
    landscape: Landscape,
    temperature: float = 2.0,
    *,
    measure: bool = False,
    oscillation: float | None = None,
    smoothness: float | None = None,
    initial: float | None = None,
    target: float = TARGET,
    steps: int = STEPS,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Constants:
    """Return the bounds for a landscape, and with `measure` its Poincaré constant beside them.

    Args:
        landscape: each parameter with λ > 0; if it is to be measured, at most 1,000 parameters, on a grid up to three of them and
            beyond from trajectories, which give a lower bound.
        temperature: s > 0.
        measure: whether to measure.
        oscillation: sup L − inf L, if it is known; a measurement finds its own.
        smoothness: M ≥ ‖∇²F‖ everywhere, if it is known; a measurement finds its own.
        initial: divergence at the start; default one nat a parameter.
        target: divergence to be reached.
        steps: of the chains, where there are more than three parameters.
        seed: of the points at which curvature is looked at, and of the chains.
        progress: told (what, done, in all).

    Raises:
        RequestError: if a parameter is not decayed, there are too many of them to measure, or a number makes no sense.
        LandscapeError: if the constant could not be found.
    """
    gibbs = Gibbs.of(landscape, temperature)
    start = _start(gibbs, initial, target)
    measured: SampledConstant | None = None
    if measure and landscape.dimension <= MOST_ON_A_GRID:
        found = audit(landscape, temperature)
        return _assemble(landscape.name, gibbs, found.bounds, found.measured, smoothness or found.smoothness, start, target)
    if measure:
        measured = sampled_constant(landscape, temperature, steps=steps, seed=seed, progress=progress)
    smallest, where = _smallest_eigenvalue(landscape, gibbs, seed)
    bounds = (
        das_dutta(gibbs),
        bakry_emery(gibbs, smallest, where),
        holley_stroock(gibbs, oscillation, "as given", ConditionStatus.NOT_CHECKED),
    )
    return _assemble(landscape.name, gibbs, bounds, measured, smoothness, start, target)


def _start(gibbs: Gibbs, initial: float | None, target: float) -> float:
    """Return the divergence at the start, one nat a parameter by default, if the target makes sense beside it."""
    start = float(gibbs.dimension) if initial is None else initial
    check_divergences(start, target)
    return start


def _assemble(
    name: str | None,
    gibbs: Gibbs,
    bounds: Sequence[Bound],
    measured: PoincareConstant | SampledConstant | None,
    smoothness: float | None,
    start: float,
    target: float,
) -> Constants:
    times = [mixing_time(gibbs, b, initial=start, target=target, smoothness=smoothness) for b in bounds]
    tightness = () if measured is None else compare(bounds, measured.value, measured.interval)
    return Constants(
        name, gibbs, tuple(bounds), measured, tightness, smoothness, start, target, tuple(t for t in times if t is not None)
    )


def _smallest_eigenvalue(landscape: Landscape, gibbs: Gibbs, seed: int) -> tuple[float | None, str]:
    """Return the least eigenvalue of ∇²F over the reference point and a few draws of the decay's Gaussian, and which these were."""
    d = landscape.dimension
    if d > MOST_DENSE:
        return None, ""
    generator = torch.Generator().manual_seed(derive_seed(seed, "curvature of draws"))
    start = Layout(landscape).row(landscape.initial).to("cpu", torch.float64)
    draws = torch.randn(_POINTS, d, generator=generator, dtype=torch.float64) * gibbs.confinement**-0.5
    points = torch.cat([start[None], draws]).numpy()
    smallest = float(derivatives_at(landscape, points).smallest.min())
    return smallest, f"over the reference point and {_POINTS} draws of N(0, s/(2λ))"
