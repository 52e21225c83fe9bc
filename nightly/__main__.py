"""`python -m nightly`: run the whole job, or go on with one that was stopped.

Exit status: 0 if every part passed, 10 plus the place of the first part that failed (`--list` shows it), 2 if the request is wrong,
130 if it was interrupted.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import NoReturn

import torch

from nightly.journal import NAME, Record, read
from nightly.part import Part
from nightly.parts import KINDS
from nightly.runner import ROOT, now, run
from villani_verify.arguments import Parser
from villani_verify.environment import describe_environment
from villani_verify.errors import DeviceError, OutputError, RequestError, VillaniError, one_line, unknown_name

FIRST_STATUS = 10
DEVICES = {"cpu": "cpu", "gpu": "cuda"}


def _parser() -> Parser:
    parser = Parser(prog="nightly", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=list(KINDS), default="cpu", help="which list of parts (default cpu)")
    parser.add_argument("--out", type=Path, default=Path("nightly-results"), metavar="DIR", help="default nightly-results")
    parser.add_argument("--only", nargs="+", metavar="PART", help="these parts; default all")
    parser.add_argument("--machine", default=platform.node() or "unknown", help="its name in the results (default the host's name)")
    parser.add_argument("--fresh", action="store_true", help="begin again, and forget what an earlier run left in --out")
    parser.add_argument("--list", action="store_true", help="show the parts with their exit status, and run none")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print a line for each part, and return the exit status."""
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        options = _parser().parse_args(arguments)
        parts = KINDS[options.kind]
        if options.list:
            for status, part in enumerate(parts, start=FIRST_STATUS):
                print(f"{status}  {part.name:16} at most {part.minutes:g} min  {part.about}")
            return 0
        chosen = _chosen(parts, options.only)
        record = run(chosen, _record(options), options.out, say=lambda line: print(line, flush=True))
    except VillaniError as e:
        print(f"nightly: error: {one_line(e)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("nightly: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    status = exit_status(parts, chosen, record)
    print(f"nightly: {'passed' if not status else 'failed'}; {options.out / NAME}")
    return status


def exit_status(parts: Sequence[Part], chosen: Sequence[Part], record: Record) -> int:
    """Return 0, or the status of the first of the chosen parts that has not passed."""
    return next((FIRST_STATUS + parts.index(p) for p in chosen if not record.passed(p.name)), 0)


def _chosen(parts: Sequence[Part], names: Sequence[str] | None) -> list[Part]:
    known = [p.name for p in parts]
    for name in names or ():
        if name not in known:
            raise unknown_name("part", name, known)
    return [p for p in parts if not names or p.name in names]


def _record(options: argparse.Namespace) -> Record:
    """Return the record of an earlier run in the folder, or of a new one."""
    commit, folder = _commit(), options.out.resolve()
    if options.kind == "gpu" and not torch.cuda.is_available():
        raise DeviceError("--kind gpu: torch sees no CUDA device here; choose --kind cpu, or mend the driver")
    options.out = folder
    if options.fresh and (folder / NAME).exists():
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"--out {folder}: cannot be made ({e.strerror}); give another folder") from e
    found = read(folder)
    if found is None:
        if any(folder.iterdir()):
            raise OutputError(f"--out {folder}: is not empty, and not of a nightly; give another folder")
        return Record(commit, options.machine, options.kind, now(), describe_environment(torch.device(DEVICES[options.kind])))
    asked = {"commit": commit, "machine": options.machine, "kind": options.kind}
    for what, value in asked.items():
        if getattr(found, what) != value:
            raise RequestError(
                f"--out {folder}: has a run of {what} {getattr(found, what)}, not {value}; give another folder, or --fresh"
            )
    return found


def _commit() -> str:
    """Return the hash of the checkout; if tracked files differ, with a plus sign and a hash of the difference."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        difference = git("diff", "HEAD")
        return git("rev-parse", "HEAD") + (f"+{sha256(difference.encode()).hexdigest()[:8]}" if difference else "")
    except (OSError, subprocess.CalledProcessError) as e:
        raise RequestError(f"{ROOT}: not a git checkout ({one_line(e)}); clone the repository") from e


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
