"""`python -m fuzz TARGET … --seconds 600`: fuzz parsers, one after the other."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fuzz.targets import TARGETS
from fuzz.watch import watch


def main(argv: Sequence[str] | None = None) -> int:
    """Run targets; return 0 without a finding, 1 with one."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="+", metavar="TARGET", choices=[*TARGETS, "all"], help=f"{', '.join(TARGETS)}, or all")
    parser.add_argument("--seconds", type=float, default=600, help="for each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"), help="where findings go (default: %(default)s)")
    asked = parser.parse_args(argv)
    wrong = 0
    for name in TARGETS if "all" in asked.targets else dict.fromkeys(asked.targets):
        found = watch(name, seconds=asked.seconds, seed=asked.seed, directory=asked.out / name)
        print(
            f"{name}: {found.executions:,} inputs in {found.seconds:.0f} s, {len(found.findings)} findings, "
            f"{found.peak_bytes / 1e6:.0f} MB above the start",
            flush=True,
        )
        for path in found.findings:
            print(f"  {path}: {path.read_text(encoding='utf-8').splitlines()[0]}", flush=True)
        wrong += len(found.findings)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
