"""Plants every defect in a copy of the package, one at a time, and asks whether the tests notice.

    python mutation/run.py                          # all: over an hour on two processors
    python mutation/run.py --only 'two-level-*'     # some, by name
    python mutation/run.py --list                   # their names, and what they change

A mutant is killed if a test that passes without it fails with it, or takes five times as long. It first meets the tests that mirror
its file, and if it survives these, all that might see it. The exit status is 1 if fewer than 95 % are killed, if a survivor has no
reason in survivors.toml, or if a mutant that is listed there was killed; 2 if the request or a table is wrong.
"""

from __future__ import annotations

import argparse
import compileall
import fnmatch
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import MutationSpec, TestOutcome
from defects import HERE, PACKAGE, TableError, survivor_reasons
from mutants import drawn, planted
from score import Mutant, Outcome, report, shown
from selection import narrow, wide

ROOT = HERE.parent
COPIED = (PACKAGE, "tests", "properties", "scripts", "docs", "pyproject.toml")
# A mutant may make a loop endless; a slow machine must not look like one.
PATIENCE, LEAST_SECONDS = 5.0, 60.0
# Fixed, so that a score can be repeated: which examples Hypothesis draws decides some mutants.
PYTEST = "-m pytest -x -q --tb=no -n 0 -p no:cacheprovider --hypothesis-seed=0"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants, print a line for each and the score, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="names of mutants, or patterns such as 'psi-*'; default all")
    parser.add_argument("--jobs", type=int, default=2, help="how many at the same time, each in a copy of its own (default 2)")
    parser.add_argument("--list", action="store_true", help="show the mutants and run none")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error(f"--jobs {options.jobs}: give at least 1")
    try:
        every = [*planted(ROOT), *drawn(ROOT)]
        chosen = _chosen(every, options.only)
        reasons = survivor_reasons()
        unknown = sorted(set(reasons) - {m.name for m in every})
        if unknown:
            raise TableError(f"survivor {unknown[0]!r} in survivors.toml: there is no mutant of that name; remove the entry")
        if options.list:
            for m in chosen:
                print(f"{m.name}\n{shown(m)}" + (f"\n    {m.consequence}" if m.consequence else ""))
            return 0
        with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
            outcomes = _run(chosen, options.jobs, Path(folder))
    except TableError as error:
        print(f"mutation: error: {error}", file=sys.stderr)
        return 2
    return report(outcomes, reasons)


def _chosen(every: Sequence[Mutant], patterns: Sequence[str] | None) -> list[Mutant]:
    if patterns is None:
        return list(every)
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(m.name, pattern) for m in every):
            raise TableError(f"--only {pattern!r}: no mutant is called so; --list shows all names")
    return [m for m in every if any(fnmatch.fnmatchcase(m.name, p) for p in patterns)]


def _run(chosen: Sequence[Mutant], jobs: int, folder: Path) -> list[Outcome]:
    killed: list[Outcome] = []
    left = list(chosen)
    with ProcessPoolExecutor(jobs, initializer=_enter_copy, initargs=(folder,)) as pool:
        known: dict[str, float] = {}
        for which in (narrow, wide):
            if not left:
                break
            selected = {m.name: which(m.file, ROOT) for m in left}
            wanted = sorted({test for tests in selected.values() for test in tests} - set(known))
            print(f"\n{len(left)} mutants, {which.__name__} selection of tests. Without any mutant:", flush=True)
            for test, seconds in zip(wanted, pool.map(_unharmed, wanted), strict=True):
                known[test] = seconds
                print(f"passes   {seconds:6.1f} s  {test}", flush=True)
            work = [(m, selected[m.name], sum(known[test] for test in selected[m.name])) for m in left]
            outcomes = []
            for outcome in pool.map(_confronted, work):
                outcomes.append(outcome)
                verdict = "killed" if outcome.killed else "survives"
                print(f"{verdict:8} {outcome.seconds:6.1f} s  {outcome.mutant.name}  {outcome.by}", flush=True)
            killed += [o for o in outcomes if o.killed]
            left = [o.mutant for o in outcomes if not o.killed]
    return killed + [Outcome(m, False, "", 0.0) for m in left]


def _enter_copy(folder: Path) -> None:
    """Make a copy of what is tested and work there from now on: the checkout itself is never touched."""
    copy = Path(tempfile.mkdtemp(dir=folder))
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        else:
            shutil.copy2(ROOT / name, copy / name)
    # Mutants write no byte code, so that none of it can be stale; what they leave alone need not be compiled again.
    compileall.compile_dir(copy / PACKAGE, quiet=1)
    os.chdir(copy)
    os.environ |= {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    planted(copy)


def _unharmed(test: str) -> float:
    """Return the seconds that a test file takes without a mutant.

    Raises:
        TableError: if it fails: then it would kill everything.
    """
    started = time.perf_counter()
    outcome, output = run_tests(f"{sys.executable} {PYTEST} {test}", 3600)
    if outcome is not TestOutcome.SURVIVED:
        raise TableError(f"{test}: it fails without any mutant ({_first_failure(output)}); mend it first")
    return time.perf_counter() - started


def _confronted(job: tuple[Mutant, Sequence[str], float]) -> Outcome:
    mutant, tests, seconds = job
    if not tests:
        return Outcome(mutant, False, "", 0.0)
    started = time.perf_counter()
    command = f"{sys.executable} {PYTEST} {' '.join(tests)}"
    # The two positions only serve cosmic-ray's reports.
    change = MutationSpec(Path.cwd() / PACKAGE / mutant.file, mutant.operator, mutant.occurrence, start_pos=(1, 0), end_pos=(1, 1))
    result = mutate_and_test([change], command, LEAST_SECONDS + PATIENCE * seconds)
    if result.test_outcome not in (TestOutcome.KILLED, TestOutcome.SURVIVED):
        raise TableError(f"mutant {mutant.name!r}: cosmic-ray could not run it: {result.output or result.worker_outcome}")
    killed = result.test_outcome is TestOutcome.KILLED
    return Outcome(mutant, killed, _first_failure(result.output or "") if killed else "", time.perf_counter() - started)


def _first_failure(output: str) -> str:
    if output == "timeout":
        return "took too long"
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    return found[1] if found else "pytest could not start"


if __name__ == "__main__":
    raise SystemExit(main())
