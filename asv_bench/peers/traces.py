"""Compare the trace routines that the packages offer: seconds, true error, and whether their intervals cover.

Every routine runs several times with the same number of matrix-vector products; its error is the root mean square distance
from a reference of very many samples, in per cent of it; with few runs that is rough. A routine whose error falls like one over
the root of its work, as Hutchinson's does, needs (error / 1 %)² times its seconds for one per cent, which is the next column.
Where eigenvalues fall fast, Hutch++ does better than that. The last column counts the runs whose 95 % interval holds the reference.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from routines import ROUTINES
from subject import about, add_arguments, load

from villani_verify.allocator import keep_freed_memory
from villani_verify.curvature.engine import engine_for
from villani_verify.estimation.hutchinson import laplacian_estimate
from villani_verify.files import write_whole


def main() -> None:
    """Print the table, or as a child the results of one routine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--matvecs", type=int, default=300, help="of each run (default 300)")
    parser.add_argument("--runs", type=int, default=6, help="of each routine (default 6)")
    parser.add_argument("--reference", type=int, default=40_000, help="samples of the reference (default 40,000)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--routine", choices=list(ROUTINES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.allocator == "kept":
        keep_freed_memory()
    landscape = load(options)
    if options.routine:
        run = ROUTINES[options.routine](landscape)
        run(12, 10**6)  # exports, compiles and touches memory
        found = []
        for seed in range(options.runs):
            started = time.perf_counter()
            value, interval = run(options.matvecs, seed)
            found.append((value, interval, time.perf_counter() - started))
        print(json.dumps(found))
        return
    engine = engine_for("taylor")
    reference = laplacian_estimate(landscape, landscape.initial, engine=engine, num_probes=options.reference, seed=10**9)
    print(f"{options.landscape}, d = {landscape.dimension}: ΔL = {reference.value:.5g} ± {reference.standard_error:.2g}")
    print(f"{options.runs} runs of {options.matvecs} matrix-vector products")
    print(f"{'':34}{'s a run':>9}{'error %':>9}{'s to 1 %':>10}{'covers':>12}")
    table = {}
    for name in ROUTINES:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--routine", name], capture_output=True, text=True, check=False
        )
        if done.returncode:
            table[name] = {"error": (done.stderr.strip().splitlines() or ["failed"])[-1]}
            print(f"{name:34}{table[name]['error']}")
            continue
        row = table[name] = summary(json.loads(done.stdout.strip().splitlines()[-1]), reference.value)
        covers = f"{row['covered']} of {options.runs}" if row["gives_interval"] else "no interval"
        print(
            f"{name:34}{row['seconds']:>9.2f}{row['error_per_cent']:>9.2f}{row['seconds_to_one_per_cent']:>10.1f}{covers:>12}",
            flush=True,
        )
    if options.json:
        whole = {
            "about": about(options), "options": {k: v for k, v in vars(options).items() if k != "json"},
            "reference": [reference.value, reference.standard_error], "table": table,
        }  # fmt: skip
        write_whole(options.json, json.dumps(whole, indent=1))


def summary(runs: Sequence[Sequence[Any]], reference: float) -> dict[str, Any]:
    """Return a routine's median seconds, error and coverage, from (value, interval, seconds) of each run."""
    seconds = sorted(t for _, _, t in runs)[len(runs) // 2]
    error = 100 * math.sqrt(sum((x - reference) ** 2 for x, _, _ in runs) / len(runs)) / abs(reference)
    intervals = [interval for _, interval, _ in runs if interval is not None]
    return {
        "seconds": seconds, "error_per_cent": error, "seconds_to_one_per_cent": seconds * error**2,
        "gives_interval": bool(intervals), "covered": sum(low <= reference <= high for low, high in intervals), "runs": list(runs),
    }  # fmt: skip


if __name__ == "__main__":
    main()
