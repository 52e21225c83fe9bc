"""Measure the last commits in asv's own environments, publish the site and check that it shows them.

    python history.py --commits 5
    python history.py --commits 30 --bench HutchinsonTime --quick

Merges are followed along the branch alone. Commits that have results already are not measured again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from asv.config import Config

HERE = Path(__file__).resolve().parent


def main(arguments: list[str] | None = None) -> int:
    """Run asv for each commit; return 0 if the site has a number for every one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=5, help="how many (default 5)")
    parser.add_argument("--branch", default="HEAD", help="whose (default HEAD)")
    parser.add_argument("--bench", help="only benchmarks that match this regular expression; default all")
    parser.add_argument("--quick", action="store_true", help="one call of each benchmark that asv repeats")
    options = parser.parse_args(arguments)
    if options.commits < 1:
        parser.error(f"--commits {options.commits}: give at least 1")
    try:
        commits = last_commits(options.branch, options.commits)
    except subprocess.CalledProcessError as error:
        parser.error(f"--branch {options.branch}: {error.stderr.strip()}")
    more = [*(["--bench", options.bench] if options.bench else []), *(["--quick"] if options.quick else [])]
    status = asv("run", "HASHFILE:-", "--skip-existing-successful", *more, given="\n".join(commits))
    print(f"asv run ended with status {status}", flush=True)
    if asv("publish", "--no-pull"):
        print("history: error: asv publish failed", file=sys.stderr)
        return 1
    shown = commits_shown(HERE / Config.load(str(HERE / "asv.conf.json")).html_dir)
    missing = [commit[:8] for commit in commits if commit not in shown]
    print(f"{len(commits) - len(missing)} of {len(commits)} commits on the site", *missing, sep="; not ")
    return 1 if missing else 0


def last_commits(branch: str, count: int) -> list[str]:
    """Return full hashes, newest first."""
    command = ["git", "rev-list", "--first-parent", f"--max-count={count}", branch, "--"]
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True).stdout.split()


def commits_shown(site: Path) -> set[str]:
    """Return the full hashes of the commits for which the site has at least one number."""
    index = json.loads((site / "index.json").read_text(encoding="utf-8"))
    hashes = {int(revision): commit for revision, commit in index["revision_to_hash"].items()}
    found = set()
    for graph in (site / "graphs").rglob("*.json"):
        # Summaries are means over machines, or lists of benchmarks.
        if graph.stem == "summary" or "summary" in graph.parts:
            continue
        for revision, value in json.loads(graph.read_text(encoding="utf-8")):
            if any(v is not None for v in (value if isinstance(value, list) else [value])):
                found.add(hashes[revision])
    return found


def asv(*arguments: str, given: str = "") -> int:
    """Run asv in this folder, with text on its standard input, and return its status."""
    return subprocess.run([sys.executable, "-m", "asv", *arguments], cwd=HERE, input=given, text=True, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
