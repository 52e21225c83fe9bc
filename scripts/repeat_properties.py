"""Run the properties many times with other Hypothesis seeds: one that fails now and then is found before it surprises somebody."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PASSED = 0


def main() -> int:
    """Print a line for each run, keep the output of those that fail, and return 1 if any did."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="What follows -- goes to pytest.")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--first-seed", type=int, default=0, help="run i has the Hypothesis seed first-seed + i")
    parser.add_argument("--profile", default="dev")
    parser.add_argument("--keep", type=Path, default=Path("failing-properties"), help="directory for the output of failing runs")
    parser.add_argument("pytest", nargs="*", default=[], help="arguments for pytest, such as -n 1")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error(f"--runs {options.runs}: it is not at least 1; give the number of runs")
    failures = 0
    for seed in range(options.first_seed, options.first_seed + options.runs):
        started = time.perf_counter()
        run = subprocess.run(command(seed, options.profile, options.pytest), cwd=ROOT, capture_output=True, text=True, check=False)
        said = (run.stdout + run.stderr).strip()
        line = f"seed {seed}: {said.splitlines()[-1].strip('= ') if said else 'no output'}"
        if run.returncode == PASSED:
            print(f"{line} [{time.perf_counter() - started:.0f} s]", flush=True)
            continue
        failures += 1
        options.keep.mkdir(parents=True, exist_ok=True)
        kept = options.keep / f"seed-{seed}.txt"
        kept.write_text(said + "\n", encoding="utf-8")
        print(f"{line} [exit status {run.returncode}; output in {kept}]", flush=True)
    print(f"{options.runs - failures} of {options.runs} runs passed", flush=True)
    return int(failures > 0)


def command(seed: int, profile: str, further: list[str]) -> list[str]:
    """Return the command line of one run."""
    chosen = [f"--hypothesis-profile={profile}", f"--hypothesis-seed={seed}"]
    return [sys.executable, "-m", "pytest", "properties", "-q", *chosen, *further]


if __name__ == "__main__":
    sys.exit(main())
