"""ΔL to a relative error that was asked for, by the method that is predicted to need the least work."""

from __future__ import annotations

from collections.abc import Sequence

from villani_verify.curvature.engine import Engine
from villani_verify.curvature.probes import derive_seed
from villani_verify.errors import unknown_name
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.hutch_plus_plus import grown
from villani_verify.estimation.hutchinson import described
from villani_verify.estimation.sequential import PILOT, Target, mean_to_target
from villani_verify.landscape import Landscape
from villani_verify.points import Point

_WORTH_A_TRY = 200  # samples; the smallest subspace and its pilot cost about half as much

METHODS = ("auto", "hutchinson", "hutch++")


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
    """Draw samples until the interval of ΔL(θ) at `level` is at most ± `target`·|ΔL| wide.

    Args:
        landscape: gives L.
        point: θ.
        engine: computes samples, quadratic forms and products.
        target: half-width over |value|, for instance 0.01.
        seed: address of all that is drawn.
        level: confidence of the interval.
        method: "hutchinson"; "hutch++", with a subspace of at least 16 dimensions; or "auto", which begins with the first and goes
            over to the second where a pilot predicts that it pays.
        max_samples: give up after so many; the interval is then wider than asked for, and says so by its width.

    Raises:
        RequestError: if there is no such method.
        DeviceError: if memory runs out even in the smallest chunks.
    """
    check_method(method)
    goal = Target(target, level, max_samples)

    def plain(seed: int, indices: Sequence[int]) -> list[float]:
        return engine.laplacian_samples(landscape, point, seed=seed, indices=indices)

    draw, used, work = plain, "hutchinson", PILOT
    pilot = plain(derive_seed(seed, "pilot"), range(PILOT))
    if method == "hutch++" or (method == "auto" and goal.samples_needed(pilot) > _WORTH_A_TRY):
        form = engine.trace_form(landscape, point)
        deflation, pilots = grown(form, goal, seed=seed, pilot=pilot, least=16 if method == "hutch++" else 0)
        if deflation.rank:
            draw, used, pilot = deflation.samples, f"hutch++ with {deflation.rank} dimensions", pilots[-PILOT:]
            work = len(pilots) + deflation.num_matvecs
    estimate = mean_to_target(
        lambda indices: draw(seed, indices), goal, pilot=pilot, described=lambda s: described(landscape, engine, s, method=used)
    )
    return estimate.with_more_work(work)
