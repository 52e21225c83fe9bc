"""The trace routines that the packages offer, with the interval that each gives for its answer, if any."""

from __future__ import annotations

from collections.abc import Callable

import torch
from contenders import curvlinops_operator, eigenthings_operator, pyhessian_object

from villani_verify.curvature.engine import engine_for
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.hutch_plus_plus import Deflation
from villani_verify.estimation.hutchinson import laplacian_estimate
from villani_verify.landscape import Landscape

Answer = tuple[float, tuple[float, float] | None]
"""The estimate, and its interval at 95 % where the package gives one or the standard error that makes one."""
Routine = Callable[[int, int], Answer]
"""(matrix-vector products, seed) ↦ answer."""
NORMAL = 1.96
"""What a user multiplies a standard error with, where no degrees of freedom are told."""


def own(landscape: Landscape) -> Routine:
    """This package's samples of the Laplacian."""
    engine = engine_for("taylor")

    def run(count: int, seed: int) -> Answer:
        estimate = laplacian_estimate(landscape, landscape.initial, engine=engine, num_probes=count, seed=seed)
        return estimate.value, estimate.interval()

    return run


def own_deflated(landscape: Landscape) -> Routine:
    """The same with a subspace of an eighth as many dimensions, for which a quarter of the products and forms goes."""
    form = engine_for("taylor").trace_form(landscape, landscape.initial)

    def run(count: int, seed: int) -> Answer:
        deflation = Deflation.none(form).extended(count // 8, seed=seed)
        samples = deflation.samples(seed, range(count - deflation.num_matvecs))
        estimate = Estimate.mean_of(samples, num_matvecs=count, method="hutch++", dtype="", device="")
        return estimate.value, estimate.interval()

    return run


def pyhessian(landscape: Landscape) -> Routine:
    """PyHessian's trace, without early stopping: the list of its forms, whose mean users take."""
    _, kept = pyhessian_object(landscape)

    def run(count: int, seed: int) -> Answer:
        torch.manual_seed(seed)
        forms = kept.trace(maxIter=count, tol=0.0)
        return sum(forms) / len(forms), None

    return run


def curvlinops(name: str) -> Callable[[Landscape], Routine]:
    """curvlinops: a number."""

    def routine(landscape: Landscape) -> Routine:
        import curvlinops as package

        _, operator = curvlinops_operator(landscape)

        def run(count: int, seed: int) -> Answer:
            torch.manual_seed(seed)
            return float(getattr(package, name)(operator, count)), None

        return run

    return routine


def eigenthings(method: str) -> Callable[[Landscape], Routine]:
    """hessian-eigenthings: an estimate with a standard error."""

    def routine(landscape: Landscape) -> Routine:
        from hessian_eigenthings.algorithms.trace import trace

        _, operator = eigenthings_operator(landscape)

        def run(count: int, seed: int) -> Answer:
            found = trace(operator, num_matvecs=count, method=method, seed=seed)
            half = NORMAL * found.stderr
            return found.estimate, (found.estimate - half, found.estimate + half)

        return run

    return routine


ROUTINES: dict[str, Callable[[Landscape], Routine]] = {
    "villani-verify": own,
    "villani-verify, Hutch++": own_deflated,
    "PyHessian": pyhessian,
    "curvlinops, Hutchinson": curvlinops("hutchinson_trace"),
    "curvlinops, Hutch++": curvlinops("hutchpp_trace"),
    "hessian-eigenthings, Hutchinson": eigenthings("hutchinson"),
    "hessian-eigenthings, Hutch++": eigenthings("hutch++"),
}
