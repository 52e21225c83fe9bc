"""Compare the trace routines that the packages offer: seconds and true error, and from these the seconds to one per cent.

Every routine runs several times with the same number of matrix-vector products; its error is the root mean square distance
from a reference of very many samples, in per cent of it; with few runs that is rough. A routine whose error falls like one over
the root of its work, as Hutchinson's does, needs (error / 1 %)² times its seconds for one per cent, which is the last column.
Where eigenvalues fall fast, Hutch++ does better than that.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from contenders import curvlinops_operator, eigenthings_operator, pyhessian_object

from villani_verify.cli.allocator import keep_freed_memory
from villani_verify.curvature.engine import engine_for
from villani_verify.estimation.hutch_plus_plus import Deflation
from villani_verify.estimation.hutchinson import laplacian_estimate
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

Routine = Callable[[int, int], float]
"""(matrix-vector products, seed) ↦ estimate."""


def own(landscape: Landscape) -> Routine:
    """This package's samples of the Laplacian."""
    engine = engine_for("taylor")
    return lambda count, seed: laplacian_estimate(landscape, landscape.initial, engine=engine, num_probes=count, seed=seed).value


def own_deflated(landscape: Landscape) -> Routine:
    """The same with a subspace of an eighth as many dimensions, for which a quarter of the products and forms goes."""
    form = engine_for("taylor").trace_form(landscape, landscape.initial)

    def run(count: int, seed: int) -> float:
        deflation = Deflation.none(form).extended(count // 8, seed=seed)
        return statistics.fmean(deflation.samples(seed, range(count - deflation.num_matvecs)))

    return run


def pyhessian(landscape: Landscape) -> Routine:
    """PyHessian's trace, without early stopping."""
    _, kept = pyhessian_object(landscape)

    def run(count: int, seed: int) -> float:
        torch.manual_seed(seed)
        forms = kept.trace(maxIter=count, tol=0.0)
        return sum(forms) / len(forms)

    return run


def _curvlinops(name: str) -> Callable[[Landscape], Routine]:
    def routine(landscape: Landscape) -> Routine:
        import curvlinops

        _, operator = curvlinops_operator(landscape)

        def run(count: int, seed: int) -> float:
            torch.manual_seed(seed)
            return float(getattr(curvlinops, name)(operator, count))

        return run

    return routine


def _eigenthings(method: str) -> Callable[[Landscape], Routine]:
    def routine(landscape: Landscape) -> Routine:
        from hessian_eigenthings.algorithms.trace import trace

        _, operator = eigenthings_operator(landscape)
        return lambda count, seed: trace(operator, num_matvecs=count, method=method, seed=seed).estimate

    return routine


ROUTINES: dict[str, Callable[[Landscape], Routine]] = {
    "villani-verify": own,
    "villani-verify, Hutch++": own_deflated,
    "PyHessian": pyhessian,
    "curvlinops, Hutchinson": _curvlinops("hutchinson_trace"),
    "curvlinops, Hutch++": _curvlinops("hutchpp_trace"),
    "hessian-eigenthings, Hutch++": _eigenthings("hutch++"),
}


def main() -> None:
    """Print the table, or as a child the results of one routine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landscape", default="gpt-neo-small")
    parser.add_argument("--matvecs", type=int, default=300, help="of each run (default 300)")
    parser.add_argument("--runs", type=int, default=6, help="of each routine (default 6)")
    parser.add_argument("--reference", type=int, default=40_000, help="samples of the reference (default 40,000)")
    parser.add_argument("--json")
    parser.add_argument("--routine", choices=list(ROUTINES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    keep_freed_memory()
    landscape = LandscapeRequest(landscape=options.landscape).load()
    if options.routine:
        run = ROUTINES[options.routine](landscape)
        run(12, 10**6)
        found = []
        for seed in range(options.runs):
            started = time.perf_counter()
            found.append((run(options.matvecs, seed), time.perf_counter() - started))
        print(json.dumps(found))
        return
    reference = laplacian_estimate(
        landscape, landscape.initial, engine=engine_for("taylor"), num_probes=options.reference, seed=10**9
    )
    print(f"{options.landscape}, d = {landscape.dimension}: ΔL = {reference.value:.5g} ± {reference.standard_error:.2g}")
    print(f"{options.runs} runs of {options.matvecs} matrix-vector products")
    print(f"{'':30}{'s a run':>9}{'error %':>9}{'s to 1 %':>10}")
    table = {}
    for name in ROUTINES:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--routine", name], capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(f"{name:30}{(done.stderr.strip().splitlines() or ['failed'])[-1]}")
            continue
        runs = json.loads(done.stdout.strip().splitlines()[-1])
        seconds = sorted(t for _, t in runs)[len(runs) // 2]
        error = 100 * math.sqrt(sum((x - reference.value) ** 2 for x, _ in runs) / len(runs)) / abs(reference.value)
        table[name] = {"seconds": seconds, "error_per_cent": error, "seconds_to_one_per_cent": seconds * error**2, "runs": runs}
        print(f"{name:30}{seconds:>9.2f}{error:>9.2f}{seconds * error**2:>10.1f}", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"reference": [reference.value, reference.standard_error], "table": table}, file, indent=1)


if __name__ == "__main__":
    main()
