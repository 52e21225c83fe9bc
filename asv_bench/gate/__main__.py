"""Compare the benchmarks of two commits: exit status 0 without an alarm, 1 with one, 2 if nothing could be compared."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from villani_verify.arguments import Parser
from villani_verify.errors import OutputError, RequestError, VillaniError, one_line
from villani_verify.files import is_special, write_whole

from .checkouts import checkouts
from .comparison import Rule, compare
from .selection import selected
from .table import record, shown

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTED = 130


class _Parser(Parser):
    where_to_read = "; see python -m gate --help"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and return the exit status."""
    try:
        return _run(_parsed(arguments))
    except VillaniError as error:
        print(f"gate: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="python -m gate", description=__doc__)
    parser.add_argument("base", help="the older commit")
    parser.add_argument("head", help="the newer commit, whose benchmarks both run")
    parser.add_argument("--bench", default="", metavar="REGEX", help="compare those whose name it is found in; default all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every number")
    parser.add_argument(
        "--alpha", type=float, default=Rule.alpha, help="probability of a false alarm, at most (default %(default)s)"
    )
    parser.add_argument("--tolerance", type=float, default=Rule.tolerance, help="growth that is none (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=Rule.rounds, help="of a benchmark that may alarm (default %(default)s)")
    parser.add_argument("--repository", type=Path, default=ROOT, metavar="DIR", help="default the one this command belongs to")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> int:
    _check_writable(options.json)
    rule = Rule(options.alpha, options.tolerance, options.rounds)
    with checkouts(options.repository, options.base, options.head) as sides:
        benchmarks = selected(sides["head"], options.bench)
        comparison = compare(benchmarks, sides, rule, random.Random(), say=_say)
        kept = record(comparison, sides)
    print(shown(kept))
    if options.json:
        try:
            write_whole(options.json, json.dumps(kept, indent=1) + "\n")
        except OSError as error:
            raise OutputError(f"--json {options.json}: {error.strerror}; choose another place") from error
    if comparison.alarm:
        return 1
    if not comparison.measured:
        raise RequestError(
            f"none of {len(benchmarks)} benchmarks could be compared, see above; mend them, or choose others with --bench"
        )
    return 0


def _check_writable(path: Path | None) -> None:
    # Before the measurements, which take long.
    if path is None:
        return
    if path.is_dir():
        raise OutputError(f"--json {path}: it is a folder; name a file")
    if not path.parent.is_dir() or not os.access(path if is_special(path) else path.parent, os.W_OK):
        raise OutputError(f"--json {path}: {path.parent} is no folder that can be written to; choose another place")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # Terminated, it still stops its children and removes the checkouts.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
