"""`python -m nightly.issue`: keep one issue open on GitHub while the nightly fails, with GitHub's own `gh`.

A failure opens an issue labelled "nightly", or comments on the one that is open; a success closes it. A nightly that left
no finished record is a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightly.journal import Record, read
from villani_verify.errors import RequestError, VillaniError, one_line

LABEL = "nightly"
TITLE = "The nightly fails"


def main(arguments: Sequence[str] | None = None) -> int:
    """Open, comment on or close the issue; return 0, or 2 if GitHub cannot be asked."""
    parser = argparse.ArgumentParser(
        prog="nightly.issue", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("nightly-results"), metavar="DIR", help="folder of the nightly")
    options = parser.parse_args(arguments)
    try:
        try:
            record = read(options.out)
        except RequestError as e:
            record = None
            print(f"nightly.issue: {one_line(e)}", file=sys.stderr)
        print(announce(record, run_address(os.environ)))
    except VillaniError as e:
        print(f"nightly.issue: error: {one_line(e)}", file=sys.stderr)
        return 2
    return 0


def announce(record: Record | None, address: str) -> str:
    """Bring the issue up to date and return what was done.

    Args:
        record: of the nightly; None if it left none.
        address: of the run, for the text; may be empty.

    Raises:
        RequestError: if `gh` is missing or fails.
    """
    number = open_issue()
    if passed(record):
        if number is None:
            return "passed, and no issue is open"
        _gh("issue", "close", str(number), "--comment", f"It passes again. {address}".strip())
        return f"closed issue {number}"
    text = description(record, address)
    if number is not None:
        _gh("issue", "comment", str(number), "--body-file", "-", text=text)
        return f"commented on issue {number}"
    _gh("label", "create", LABEL, "--force", "--description", "opened and closed by the nightly")
    return f"opened {_gh('issue', 'create', '--title', TITLE, '--label', LABEL, '--body-file', '-', text=text).strip()}"


def open_issue() -> int | None:
    """Return the number of the open issue, the oldest if people opened more."""
    found = json.loads(_gh("issue", "list", "--label", LABEL, "--state", "open", "--json", "number"))
    return min((int(row["number"]) for row in found), default=None)


def passed(record: Record | None) -> bool:
    """Say whether it ran to its end, did something, and nothing failed."""
    return record is not None and bool(record.finished) and bool(record.parts) and all(p.status == "passed" for p in record.parts)


def description(record: Record | None, address: str) -> str:
    """Return the issue's text: a line for each part, those that failed first."""
    if record is None:
        return f"The nightly left no record. {address}".strip() + "\n"
    lines = [f"Commit {record.commit}, machine {record.machine}, started {record.started}. {address}".strip(), ""]
    if not record.finished:
        lines += ["It did not run to its end.", ""]
    for part in sorted(record.parts, key=lambda p: p.status == "passed"):
        lines.append(f"* {part.name}: **{part.status}** in {part.seconds:.0f} s: `{part.summary.replace('`', ' ')}`")
    return "\n".join(lines) + "\n"


def run_address(environment: Mapping[str, str]) -> str:
    """Return the address of the run on GitHub, or nothing elsewhere."""
    parts = [environment.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    return "{}/{}/actions/runs/{}".format(*parts) if all(parts) else ""


def _gh(*arguments: str, text: str = "") -> str:
    try:
        done = subprocess.run(["gh", *arguments], input=text, capture_output=True, text=True, check=True)
    except OSError as e:
        raise RequestError(f"gh: cannot be started ({e.strerror}); install GitHub's command line") from e
    except subprocess.CalledProcessError as e:
        raise RequestError(
            f"gh {' '.join(arguments[:2])}: status {e.returncode}: {e.stderr.strip()}; set GH_TOKEN and GH_REPO"
        ) from e
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
