"""`villani-verify runs`: what is in the stores of campaigns, and out of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from villani_verify.cli.console import print_lines

runs_app = typer.Typer(help="Look into the stores of campaigns, export, merge and mend them.", no_args_is_help=False)

_Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The --out of a campaign.")]


@runs_app.command("list")
def list_runs(
    root: Annotated[Path, typer.Argument(metavar="DIR", help="Where to look; directories below it count.")] = Path("."),
) -> int:
    """List the campaigns in a directory and below it: units, finished, failed, and when a result was last kept."""
    from villani_verify.errors import RequestError, VillaniError
    from villani_verify.runs.campaign import open_directory
    from villani_verify.runs.store import FILE

    if not root.is_dir():
        raise RequestError(f"directory {str(root)!r}: there is none; give one that holds campaigns")
    for path in sorted(root.rglob(FILE)):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
        try:
            with open_directory(path.parent) as store:
                c = store.counts()
                state = f"{c.finished:,} of {c.units:,} units finished, {c.failed:,} failed"
        except VillaniError as e:
            state = str(e)
        print_lines(f"{path.parent}  {when}  {state}")
    return 0


@runs_app.command("show")
def show_run(directory: _Directory) -> int:
    """Show one campaign: how far it is, what failed and why, and the fingerprint of its results."""
    from villani_verify.runs.campaign import open_directory

    with open_directory(directory) as store:
        c, fingerprint = store.counts(), store.fingerprint()
        print_lines(
            f"Store: {store.path}, of villani-verify {store.version}, mathematics {store.mathematics[:8]}",
            f"Units: {c.units:,}, {c.finished:,} finished, {c.failed:,} failed, {c.pending:,} pending",
        )
        for number, sentence, attempts in store.failures():
            print_lines(f"Unit {number} failed ({attempts} attempts): {sentence}")
        print_lines(f"Fingerprint of the results: {fingerprint}")
        return 1 if c.failed else 0


@runs_app.command("export")
def export_run(
    directory: _Directory,
    *,
    to: Annotated[Path, typer.Option(metavar="FILE", help="Ends in .csv, .json or .parquet, which decides the format.")],
    table: Annotated[str, typer.Option(metavar="NAME", help="points, verdicts or units.")] = "points",
) -> int:
    """Write a table of a campaign to a file: points with intervals, verdicts, or all units with their raw results."""
    from villani_verify.runs.campaign import open_directory
    from villani_verify.runs.export import export

    with open_directory(directory) as store:
        rows = export(store, table, to)
    print_lines(f"{rows:,} rows: {to}")
    return 0


@runs_app.command("merge")
def merge_runs(
    into: Annotated[Path, typer.Argument(metavar="INTO", help="Directory that grows; made if it is missing.")],
    sources: Annotated[list[Path], typer.Argument(metavar="DIR…", help="Campaigns of the same plan.")],
) -> int:
    """Merge the stores of one campaign's parts, or of runs on several machines. A unit that is in two must have one result."""
    from villani_verify.runs.campaign import merge

    merged = merge(into, sources)
    print_lines(f"{merged.new:,} results added, {merged.same:,} were there already: {into}")
    return 0


@runs_app.command("salvage")
def salvage_run(directory: _Directory) -> int:
    """Make a new store of every result that is whole in a damaged one, which is kept under another name."""
    from villani_verify.runs.salvage import salvage

    saved = salvage(directory)
    print_lines(
        f"{saved.kept:,} results kept, {saved.lost:,} units to compute; the damaged file is {saved.old}. Go on with --resume."
    )
    return 0
