"""ΔL to a relative error that was asked for, by the method that is predicted to need the least work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from villani_verify.curvature.engine_interface import Engine
from villani_verify.curvature.probes import derive_seed
from villani_verify.errors import RequestError, unknown_name
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.hutch_plus_plus import grown
from villani_verify.estimation.hutchinson import described
from villani_verify.estimation.sequential import PILOT, Target, mean_to_target
from villani_verify.estimation.two_level import PILOT_DIFFERENCES, TwoLevel, cheap_for_each_difference, summed_pilot
from villani_verify.landscape import Landscape
from villani_verify.points import Point

_WORTH_A_TRY = 200  # samples; the smallest subspace and its pilot cost about half as much

METHODS = ("auto", "hutchinson", "hutch++", "two-level")


def check_method(name: str) -> None:
    """Raise RequestError if there is no such method."""
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)


def laplacian_to_relative_error(
    landscape: Landscape,
    point: Point,
    *,
    engine: Engine,
    target: float,
    seed: int,
    level: float = 0.95,
    method: str = "auto",
    max_samples: int = 10_000,
) -> Estimate:
    """Draw samples until the interval of ΔL(θ) at `level` is at most ± `target · |ΔL|` wide.

    Args:
        landscape: gives L.
        point: θ.
        engine: computes samples, quadratic forms and products.
        target: half-width over `|value|`, for instance 0.01.
        seed: address of all that is drawn.
        level: confidence of the interval.
        method: "hutchinson"; "hutch++", with a subspace of at least 16 dimensions; "two-level", with rounded products where the
            engine has them; or "auto", which begins with the first and goes over to another where pilots predict that it pays.
        max_samples: give up after so many; the interval is then wider than asked for, and says so by its width.

    Raises:
        RequestError: if there is no such method, or not for this landscape and device.
        DeviceError: if memory runs out even in the smallest chunks.
    """
    check_method(method)
    goal = Target(target, level, max_samples)
    plan = _plan(landscape, point, engine, goal, seed, method)
    estimate = mean_to_target(
        lambda indices: plan.draw(seed, indices),
        replace(goal, max_samples=max(2, max_samples // plan.evaluations)),
        pilot=plan.pilot,
        described=lambda s: described(landscape, engine, s, method=plan.method).with_more_work(len(s) * (plan.evaluations - 1)),
    )
    return estimate.with_more_work(plan.work)


@dataclass(frozen=True)
class _Plan:
    """How samples will be drawn.

    Attributes:
        method: in words.
        draw: (seed, indices) ↦ samples.
        pilot: samples of the same mean and spread.
        work: quadratic forms and products spent so far.
        evaluations: of the loss's expansion, for each sample.
    """

    method: str
    draw: Callable[[int, Sequence[int]], list[float]]
    pilot: Sequence[float]
    work: int
    evaluations: int = 1


def _plan(landscape: Landscape, point: Point, engine: Engine, goal: Target, seed: int, method: str) -> _Plan:
    def plain(seed: int, indices: Sequence[int]) -> list[float]:
        return engine.laplacian_samples(landscape, point, seed=seed, indices=indices)

    rounded = _rounded_engine(landscape, engine, method)
    pilot = plain(derive_seed(seed, "pilot"), range(PILOT))
    many = goal.samples_needed(pilot) > _WORTH_A_TRY
    work = PILOT
    if method == "hutch++" or (method == "auto" and many):
        form = engine.trace_form(landscape, point)
        deflation, pilots = grown(form, goal, seed=seed, pilot=pilot, least=16 if method == "hutch++" else 0)
        work = len(pilots) + deflation.num_matvecs
        if deflation.rank:
            return _Plan(f"hutch++ with {deflation.rank} dimensions", deflation.samples, pilots[-PILOT:], work)
    if rounded is not None and (method == "two-level" or many):
        both = TwoLevel(landscape, point, engine, rounded, 1)
        differences = both.differences(derive_seed(seed, "pilot of both"), range(PILOT_DIFFERENCES))
        work += 2 * len(differences)
        m = cheap_for_each_difference(pilot, differences, goal)
        if m:
            both = replace(both, per_difference=m)
            name = f"two-level with {m} cheap samples for each difference"
            return _Plan(name, both.samples, summed_pilot(pilot, differences, m), work, both.evaluations)
    return _Plan("hutchinson", plain, pilot, work)


def _rounded_engine(landscape: Landscape, engine: Engine, method: str) -> Engine | None:
    if method not in ("auto", "two-level"):
        return None
    found = engine.rounded(landscape)
    if found is None and method == "two-level":
        raise RequestError(
            f"method 'two-level': engine {engine.name!r} has no cheaper samples of this landscape, as that takes float32, "
            "more than 5 million parameters and a device that multiplies bfloat16; choose auto"
        )
    return found
