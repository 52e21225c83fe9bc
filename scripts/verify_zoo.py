"""Verifies every landscape of the zoo for several seeds and counts the verdicts that are not as expected.

    python scripts/verify_zoo.py --seeds 5
    python scripts/verify_zoo.py --seeds 1 --names double-well gpt-neo-125m
    python scripts/verify_zoo.py --seeds 1 --json verdicts      # and keeps each as a results file

GPT-Neo-125M takes memory and minutes, so it is left out unless it is named. The exit status is 1 if any verdict differs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import torch

from villani_verify.calibration.verifications import HEAVY
from villani_verify.criteria.result import Status
from villani_verify.errors import RequestError
from villani_verify.files import write_whole
from villani_verify.landscape import Landscape
from villani_verify.landscapes.zoo import ZOO, zoo_entry
from villani_verify.verification import Verification, as_expected, verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line for each landscape and seed, then the count; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="verify with seeds 0 to this number minus one (default 5)")
    parser.add_argument("--names", nargs="+", metavar="NAME", help="landscapes; default all but the heavy ones")
    parser.add_argument("--skip", nargs="+", default=[], metavar="NAME", help="landscapes to leave out")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--json", type=Path, metavar="DIR", help="write the results of each landscape and seed there")
    options = parser.parse_args(arguments)
    for option in ("seeds", "jobs"):
        if getattr(options, option) < 1:
            parser.error(f"--{option} {getattr(options, option)}: give at least 1")
    try:
        entries = [zoo_entry(name) for name in options.names or [n for n in ZOO if n not in HEAVY]]
        skipped = {zoo_entry(name).name for name in options.skip}
    except RequestError as error:
        parser.error(str(error))
    if options.json:
        try:
            options.json.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            parser.error(f"--json {options.json}: cannot be made ({error.strerror}); give another directory")
    tasks = [(e.name, seed) for e in entries if e.name not in skipped for seed in range(options.seeds)]
    counts: Counter[str] = Counter()
    for (landscape, seed), found in zip(tasks, all_verified(tasks, options.jobs), strict=True):
        if options.json:
            name = landscape if options.seeds == 1 else f"{landscape}-seed-{seed}"
            write_whole(options.json / f"{name}.json", json.dumps(found.results, indent=2, allow_nan=False) + "\n")
        counts += found.counts
        print(f"{landscape:32} seed {seed} {found.seconds:7.1f} s  {'; '.join(found.differing) or 'as expected'}", flush=True)
    print(f"{counts['right']} right, {counts['wrong']} wrong, {counts['inconclusive']} inconclusive")
    return 1 if counts["wrong"] or counts["inconclusive"] else 0


class Found(NamedTuple):
    """What is kept of a verification: plain values, as a model cannot leave its process.

    Attributes:
        results: the results object.
        counts: "right", "wrong" and "inconclusive" → number of verdicts.
        differing: what is not as expected.
        seconds: of the verification.
    """

    results: dict[str, Any]
    counts: Counter[str]
    differing: list[str]
    seconds: float


def all_verified(tasks: Sequence[tuple[str, int]], jobs: int) -> Iterator[Found]:
    """Yield what was found, in the order of the tasks; with several jobs in processes of one thread each."""
    if jobs == 1:
        yield from map(verified, tasks)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        yield from pool.map(verified, tasks)


@lru_cache(maxsize=1)
def landscape_of(name: str) -> Landscape:
    """Make a landscape once for all its seeds, which follow each other."""
    return zoo_entry(name).make()


def verified(task: tuple[str, int]) -> Found:
    """Verify the landscape of a name with a seed."""
    name, seed = task
    landscape = landscape_of(name)
    started = time.perf_counter()
    verification = verify(landscape, seed=seed)
    counts: Counter[str] = Counter()
    differing = count(verification, counts)
    return Found(verification.as_dict(), counts, differing, time.perf_counter() - started)


def count(verification: Verification, counts: Counter[str]) -> list[str]:
    """Add a verification's verdicts to the counts and describe those that differ from what is expected."""
    differing = []
    for result in verification.results:
        if as_expected(result, verification.expected):
            counts["right"] += 1
            continue
        counts["inconclusive" if result.status == Status.INCONCLUSIVE else "wrong"] += 1
        differing.append(f"{result.name}: {result.status}, expected {verification.expected.get(result.name, 'not refuted')}")
    return differing


if __name__ == "__main__":
    raise SystemExit(main())
