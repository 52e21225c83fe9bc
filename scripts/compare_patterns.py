"""Compare the spread of samples of ΔL and of quadratic forms for probes with few patterns of rows and with independent rows."""

from __future__ import annotations

import argparse
import math
import statistics
import time

from villani_verify.allocator import keep_freed_memory
from villani_verify.curvature import probe_signs
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.landscapes.request import LandscapeRequest

INDEPENDENT = 1 << 40  # more patterns than any matrix has rows


def main() -> None:
    """Print the standard deviation for each number of patterns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--landscape", default="gpt-neo-small")
    parser.add_argument("--dataset", default=None)
    parser.add_argument("--split", default=None)
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--tokenizer", default=None)
    parser.add_argument("--sequences", type=int, default=1)
    parser.add_argument("--sequence-length", type=int, default=128)
    parser.add_argument("--probes", type=int, default=2000)
    parser.add_argument("--patterns", type=int, nargs="+", default=[INDEPENDENT, 96, 32, 8])
    options = parser.parse_args()
    keep_freed_memory()
    given = {k: v for k, v in vars(options).items() if v is not None and k not in ("probes", "patterns")}
    landscape = LandscapeRequest(**given).load()
    engine = SecondOrderTaylor()
    for patterns in options.patterns:
        probe_signs.PATTERNS = patterns
        for name, draw in (("samples", engine.laplacian_samples), ("forms", engine.quadratic_forms)):
            started = time.perf_counter()
            drawn = draw(landscape, landscape.initial, seed=0, indices=range(options.probes))
            spread = statistics.stdev(drawn)
            # The standard error of a standard deviation, by the drawn numbers' own fourth moment.
            mean = statistics.fmean(drawn)
            fourth = statistics.fmean((x - mean) ** 4 for x in drawn) / spread**4
            error = spread * math.sqrt((fourth - 1) / (4 * len(drawn)))
            rows = "independent" if patterns == INDEPENDENT else f"{patterns} patterns"
            seconds = (time.perf_counter() - started) / len(drawn)
            print(
                f"{rows:>12}, {name:7}: standard deviation {spread:.5g} ± {error:.2g}, mean {mean:.5g}, {seconds:.4f} s", flush=True
            )


if __name__ == "__main__":
    main()
