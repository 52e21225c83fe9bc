"""`python -m dashboard`: write the landing page of the nightly results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from dashboard.commits import Commits
from dashboard.history import read_history
from dashboard.nightly import read_nightly
from dashboard.output import write_dashboard
from dashboard.page import Inputs, render_page
from dashboard.peers import read_peers
from dashboard.reading import check_folder
from dashboard.verdicts import read_verdicts
from villani_verify.arguments import Parser
from villani_verify.errors import VillaniError, one_line

PROGRAM = "dashboard"


def _parser() -> Parser:
    parser = Parser(
        prog=f"python -m {PROGRAM}",
        description="Write a page that says whether all is well: speed now and thirty days ago, what became slower, the "
        "verdicts of the last nightly run, and the comparison with other packages. What has not been measured is said there.",
        epilog="Exit status: 0 if the page was written, whatever it says; 2 if an input is wrong or there is no result at all.",
    )
    for name, required, text in (
        ("results", True, "asv's results_dir"),
        ("out", True, "where the page goes; replaces an older one"),
        ("nightly", False, "of the last nightly run: nightly.json and verdicts/*.json"),
        ("peers", False, "files of asv_bench/peers/table.py --json, one for each machine"),
        ("history", False, "asv's html_dir, after asv publish; a copy goes to history/ beside the page"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=required, metavar="DIR", help=text)
    parser.add_argument("--repository", type=Path, default=Path(), metavar="DIR", help="of the commits measured; default here")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, say where it is and what it says, and return the exit status."""
    try:
        options = _parser().parse_args(arguments)
        now = datetime.now(UTC)
        inputs = _read(options)
        path = write_dashboard(options.out, render_page(inputs, now), options.history)
    except VillaniError as e:
        print(f"{PROGRAM}: error: {one_line(e)}", file=sys.stderr)
        return 2
    print(f"{inputs.summary.sentence}\n{path}")
    return 0


def _read(options: argparse.Namespace) -> Inputs:
    for name in ("nightly", "peers", "history"):
        if getattr(options, name) is not None:
            check_folder(getattr(options, name), f"--{name}")
    others = [folder for folder in (options.peers, options.nightly) if folder]
    commits = Commits(options.repository)
    return Inputs(
        history=read_history(options.results, commits, aside=others),
        commits=commits,
        nightly=read_nightly(options.nightly) if options.nightly else None,
        verdicts=read_verdicts(options.nightly) if options.nightly else (),
        comparisons=read_peers(options.peers) if options.peers else (),
        has_graphs=options.history is not None,
    )


if __name__ == "__main__":
    raise SystemExit(main())
