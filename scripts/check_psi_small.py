"""Checks the intervals of Ψ_s, ΔL and s* on the small trained GPT-Neo, seed by seed.

ΔL from a few samples must lie within four standard errors of a reference from very many others, for 99 seeds in 100. The
reference is made of quadratic forms by reverse mode, so two different estimators must agree.
The reference has an error of its own: its standard error is added in quadrature, and printed. Ψ_s = ‖∇F‖²/s − ΔF and
s* = ‖∇F‖²/ΔF are monotone in ΔL with everything else exact, so one comparison decides for all three at every s.
Four standard errors are exceeded by Student's t with 15 degrees of freedom in 0.12 % of the seeds: two or more failures
in a hundred have probability 0.6 %.

    python scripts/check_psi_small.py
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import dataclass

from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.probes import derive_seed
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.hutchinson import laplacian_estimate
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.measurement import psi


@dataclass(frozen=True)
class Comparison:
    """How far each seed's ΔL lies from the reference, in standard errors of the difference."""

    reference: Estimate
    deviations: tuple[float, ...]

    def within(self, standard_errors: float = 4.0) -> int:
        """Return how many seeds lie within so many standard errors."""
        return sum(abs(x) <= standard_errors for x in self.deviations)


def compare(
    landscape: Landscape,
    *,
    seeds: int,
    num_probes: int,
    reference_probes: int,
    engine: str = "auto",
    reference_engine: str = "reverse",
) -> Comparison:
    reference = laplacian_estimate(
        landscape,
        landscape.initial,
        engine=engine_for(reference_engine),
        num_probes=reference_probes,
        seed=derive_seed(0, "reference"),
    )
    deviations = []
    for seed in range(seeds):
        (point,) = psi(landscape, num_probes=num_probes, seed=seed, engine=engine).points
        error = math.hypot(point.loss_laplacian.standard_error, reference.standard_error)
        deviations.append((point.loss_laplacian.value - reference.value) / error)
    return Comparison(reference, tuple(deviations))


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the intervals of the small GPT-Neo seed by seed.")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--num-probes", type=int, default=16)
    parser.add_argument("--reference-probes", type=int, default=4000)
    parser.add_argument("--sequences", type=int, default=1)
    parser.add_argument("--sequence-length", type=int, default=16)
    options = parser.parse_args()
    landscape = LandscapeRequest(sequences=options.sequences, sequence_length=options.sequence_length).load()
    started = time.perf_counter()
    found = compare(landscape, seeds=options.seeds, num_probes=options.num_probes, reference_probes=options.reference_probes)
    reference = found.reference
    print(
        f"{landscape.name}, d = {landscape.dimension}: reference ΔL = {reference.value:.6g} ± {reference.standard_error:.2g} "
        f"({reference.num_matvecs} probes); within 4 standard errors: {found.within()} of {options.seeds} seeds, "
        f"largest deviation {max(map(abs, found.deviations)):.2f}; {time.perf_counter() - started:.0f} s"
    )
    return 0 if found.within() >= 0.99 * options.seeds else 1


if __name__ == "__main__":
    sys.exit(main())
