"""`villani-verify campaign`: thousands of independent measurements, that survive being stopped and run anywhere."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from villani_verify.cli.console import print_lines
from villani_verify.cli.executors import LOCAL, ExecutorOption, UnitSeconds, check_options, opened
from villani_verify.cli.interruption import stopping_on_request
from villani_verify.cli.progress import progress_display
from villani_verify.errors import RequestError

if TYPE_CHECKING:
    from villani_verify.runs.store import Store

_HOW = "How to compute"
_OUTPUT = "Output"
_PAGE = "index.html"


def campaign(
    plan: Annotated[
        Path,
        typer.Argument(
            metavar="PLAN.toml", help="What to measure; see the documentation. Where it names file.py:factory, that file is run."
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Where the store, the tables and the page go; made if it is missing.", rich_help_panel=_OUTPUT
        ),
    ],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is in --out, which the same plan made.", rich_help_panel=_OUTPUT)
    ] = False,
    executor: ExecutorOption = LOCAL,
    unit_seconds: UnitSeconds = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Compute only every N-th unit, from the K-th on, as for N machines without a scheduler; merge their stores then.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Measure one unit of each sort, and say how many there are and what time and memory they need.",
            rich_help_panel=_HOW,
        ),
    ] = False,
) -> int:
    """Measure Ψ_s, ΔF and s* on a grid of landscapes, weight decays, rays and radii, and check criteria.

    Every unit is kept as it is finished. After an interruption, a crash or a power cut the same command with --resume goes on.
    """
    from villani_verify.runs import campaign as runs
    from villani_verify.runs.coordinator import Computing
    from villani_verify.runs.plan import read_plan, settings_of, units_of
    from villani_verify.runs.store import FILE

    check_options(executor, unit_seconds)
    asked = read_plan(plan)
    computing = Computing(asked.device, asked.threads, part=_part(part))
    if dry_run:
        from villani_verify.runs.forecast import forecast

        print_lines(*forecast(asked, executor))
        return 0
    runs.check_directory(out, resume=resume)
    with contextlib.ExitStack() as stack:
        # Before anything is written, but not for a store that may be finished, which needs nothing.
        new = not (out / FILE).exists()
        pool = stack.enter_context(opened(executor, unit_seconds)) if new else None
        stack.enter_context(runs.held(out))
        settings = settings_of(asked, runs.place(asked, out))
        store = stack.enter_context(runs.begin(out, settings, units_of(settings), resume=resume))
        if store.counts().pending:
            pool = pool or stack.enter_context(opened(executor, unit_seconds))
            with progress_display() as progress:
                outcome = runs.compute(store, pool, computing, stopping_on_request(progress))
            if outcome.stopped:
                done = store.counts()
                raise KeyboardInterrupt(f"{done.finished:,} of {done.units:,} units are kept in {out}; --resume goes on")
        return _report(store, out)


def _part(text: str | None) -> tuple[int, int]:
    if text is None:
        return 0, 1
    first, _, count = text.partition("/")
    if not (first.isdecimal() and count.isdecimal() and len(count) < 10 and len(first) < 10 and 1 <= int(first) <= int(count)):
        raise RequestError(f"part {text!r}: it is not K/N with 1 ≤ K ≤ N; give one such as 1/2")
    return int(first) - 1, int(count)


def _report(store: Store, out: Path) -> int:
    """Write tables and page, say how it stands, and return the exit status."""
    from villani_verify.files import write_file
    from villani_verify.report.campaign import campaign_page
    from villani_verify.runs.export import write_tables
    from villani_verify.runs.tables import as_expected, tables_of

    counts = store.counts()
    tables = tables_of(store.settings, store.results())
    write_tables(tables, out)
    write_file(campaign_page(store, tables), out / _PAGE, "file")
    verdicts = tables["verdicts"]
    wrong = [v for v in verdicts if not as_expected(v)]
    print_lines(f"{counts.finished:,} of {counts.units:,} units finished, {counts.failed:,} failed.")
    for number, sentence, attempts in store.failures()[:5]:
        print_lines(f"Unit {number} failed ({attempts} attempts): {sentence}")
    if verdicts:
        print_lines(f"{len(verdicts)} verdicts, {len(wrong)} not as expected.")
    for v in wrong[:5]:
        print_lines(
            f"{v['landscape']}, λ = {v['weight_decay']:g}, seed {v['seed']}: {v['criterion']} {v['status']}. {v['summary']}"
        )
    print_lines(f"Tables: {', '.join(str(out / f'{name}.csv') for name, rows in tables.items() if rows) or 'none yet'}")
    print_lines(f"Page: {out / _PAGE}")
    return 1 if wrong or counts.failed else 0
