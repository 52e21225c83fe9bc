"""`python -m villani_verify.calibration`: measure coverage, false alarms and power, and write measured.json and measured.md."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from villani_verify.arguments import Parser
from villani_verify.calibration.case import Case
from villani_verify.calibration.cases import CASES
from villani_verify.calibration.coverage import ENOUGH, Coverage, measure
from villani_verify.calibration.kept import NAME
from villani_verify.calibration.markdown import as_markdown
from villani_verify.calibration.measured import assemble, missed
from villani_verify.calibration.verifications import HEAVY, Line, plan, verify_one
from villani_verify.errors import OutputError, RequestError, VillaniError, one_line
from villani_verify.files import write_whole
from villani_verify.journal import Journal
from villani_verify.landscapes.zoo import ZOO, ZooEntry

PROGRAM = "villani_verify.calibration"
FIRST_SEED = 1000
"""Far from the seeds with which the package was developed."""


class _List(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *ignored: object) -> NoReturn:
        print(*(f"{case.name:32} {case.estimator}: {case.what}" for case in CASES.values()), sep="\n")
        parser.exit()


def _parser() -> Parser:
    parser = Parser(
        prog=f"python -m {PROGRAM}",
        description="How often intervals cover, true landscapes are refuted, and false ones are found out. What is finished is "
        "kept in the output directory as JSON lines, and is not measured again by the same command.",
        epilog="Exit status: 0 if every figure is as asked, 1 if one is not, 2 if the request is wrong, 130 if it was interrupted.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results are kept; made if it is missing")
    parser.add_argument("--replications", type=int, default=ENOUGH, metavar="N", help="of each interval (default 10,000)")
    parser.add_argument("--verifications", type=int, default=2000, metavar="N", help="of true landscapes, together (default 2,000)")
    parser.add_argument("--control-seeds", type=int, default=20, metavar="N", help="verifications of each control (default 20)")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, metavar="N", help=f"of everything drawn (default {FIRST_SEED})")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="intervals and landscapes; default all, but no heavy landscapes")
    parser.add_argument("--list", action=_List, nargs=0, help="list the intervals, and measure nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print a line for each result, and return the exit status."""
    try:
        options = _parser().parse_args(arguments)
        return _calibrate(options)
    except VillaniError as e:
        print(f"{PROGRAM}: error: {one_line(e)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _calibrate(options: argparse.Namespace) -> int:
    for name, least in (("replications", 1), ("verifications", 0), ("control_seeds", 0)):
        if getattr(options, name) < least:
            raise RequestError(f"--{name.replace('_', '-')} {getattr(options, name)}: give at least {least}")
    cases, entries = _chosen(options.only)
    journals = _journals(options.out)
    coverage = [_covered(case, options.replications, options.seed, journals[0]) for case in cases]
    lines = _verified(
        list(plan(entries, verifications=options.verifications, control_seeds=options.control_seeds, first_seed=options.seed)),
        journals[1],
    )
    measured = assemble(coverage, lines, seed=options.seed)
    _write(options.out / NAME, json.dumps(measured, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    _write((options.out / NAME).with_suffix(".md"), as_markdown(measured))
    failures = missed(measured)
    for failure in failures:
        print(f"not as asked: {failure}")
    print(f"Figures: {options.out / NAME}")
    return 1 if failures else 0


def _chosen(names: Sequence[str] | None) -> tuple[list[Case], list[ZooEntry]]:
    if not names:
        return list(CASES.values()), [e for e in ZOO.values() if e.name not in HEAVY]
    for name in names:
        if name not in CASES and name not in ZOO:
            near = get_close_matches(name, [*CASES, *ZOO], n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "--list and `villani-verify zoo` list them"
            raise RequestError(f"interval or landscape {name!r}: there is none; {remedy}")
    return [CASES[n] for n in names if n in CASES], [ZOO[n] for n in names if n in ZOO]


def _journals(directory: Path) -> tuple[Journal, Journal]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"output directory {str(directory)!r}: cannot be made ({e.strerror}); give another one") from e
    return Journal(directory / "coverage.jsonl"), Journal(directory / "verifications.jsonl")


def _covered(case: Case, replications: int, seed: int, journal: Journal) -> Coverage:
    for line in journal.lines:
        if (line["name"], line["replications"], line["seed"]) == (case.name, replications, seed):
            return Coverage.of_line(case, line)
    found = measure(case, replications=replications, seed=seed)
    journal.append(found.as_dict())
    low, high = found.interval
    print(
        f"{case.name:32} {100 * found.fraction:6.2f} % [{100 * low:.2f}, {100 * high:.2f}]  within: {found.within:5} "
        f"({case.asked}) {found.seconds:7.1f} s",
        flush=True,
    )
    return found


def _verified(asked: Sequence[tuple[ZooEntry, int]], journal: Journal) -> list[Line]:
    done = {(line["landscape"], line["seed"]): line for line in journal.lines}
    for number, (entry, seed) in enumerate(asked, start=1):
        if (entry.name, seed) in done:
            continue
        line = done[entry.name, seed] = verify_one(entry, seed)
        journal.append(line)
        differing = [
            f"{n} {r['status']}, expected {r['expected']}" for n, r in line["rows"].items() if r["status"] != r["expected"]
        ]
        verdict = "; ".join(differing) or "as expected"
        print(f"{number:5} of {len(asked)}  {entry.name:32} seed {seed} {line['seconds']:6.1f} s  {verdict}", flush=True)
    return [done[entry.name, seed] for entry, seed in asked]


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as e:
        raise OutputError(f"results {str(path)!r}: cannot be written ({e.strerror}); give another directory") from e


if __name__ == "__main__":
    raise SystemExit(main())
