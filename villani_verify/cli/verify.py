"""`villani-verify verify`: all criteria on one landscape, with a report."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from villani_verify.cli.executors import LOCAL, ExecutorOption, check_options, opened
from villani_verify.cli.interruption import stopping_on_request
from villani_verify.cli.options import JsonTarget, LandscapeOptions, takes_landscape
from villani_verify.cli.output import STANDARD_OUTPUT, check_json_target, standard_output_for, write_json
from villani_verify.cli.progress import progress_display
from villani_verify.criteria import CRITERION_NAMES
from villani_verify.errors import RequestError

if TYPE_CHECKING:
    from villani_verify.landscape import Landscape
    from villani_verify.runs.store import Store

REPORTS = Path("villani-reports")
RUN = "run"
"""Folder of a report's directory with what a later --resume goes on with."""
_LONGEST_NAME = 100  # file systems allow 255 bytes
_CHECK = "What to check"
_OUTPUT = "Output"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to check, with every name looked up before any work is done."""

    budget: str
    seed: int
    engine: str
    temperatures: tuple[float, ...]
    criteria: tuple[str, ...]
    expect: dict[str, str]


@takes_landscape
def verify(
    *,
    options: LandscapeOptions,
    budget: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="quick, standard or thorough: about 1, 4 and 16 times the effort.", rich_help_panel=_CHECK
        ),
    ] = "quick",
    seed: Annotated[int, typer.Option(metavar="N", help="Everything drawn follows from it.", rich_help_panel=_CHECK)] = 0,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Computes vᵀ∇²L v: auto, taylor, reverse or forward-over-reverse.", rich_help_panel=_CHECK
        ),
    ] = "auto",
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            metavar="s",
            help="Restrict the differential-growth criteria to this s > 0, in the convention dθ = −∇F dt + √s dW; repeatable. "
            "Default: every s > 0.",
            rich_help_panel=_CHECK,
        ),
    ] = None,
    criteria: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,…",
            help=f"Only these of {', '.join(CRITERION_NAMES)}; separated by commas or repeated. Default: all.",
            rich_help_panel=_CHECK,
        ),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=STATUS",
            help="Expect supported, refuted, inconclusive or not_applicable of a criterion; repeatable. Default: what the zoo "
            "knows of the landscape; elsewhere nothing may be refuted.",
            rich_help_panel=_CHECK,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the report (index.html, results.json, figures) there; it must be new or empty. "
            "Default without --json: villani-reports/LANDSCAPE-TIME.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with what is in --out, where the same request was stopped.", rich_help_panel=_OUTPUT),
    ] = False,
    json_target: JsonTarget = None,
    executor: ExecutorOption = LOCAL,
) -> int:
    """Check Villani's criteria on a landscape; the default is a small trained GPT-Neo on generated text.

    Each criterion is kept as it is finished. If the work is interrupted, what was measured until then is written, marked as
    interrupted, and the same command with --resume goes on.
    """
    plan = _checked_plan(budget, seed, engine, temperature or [], criteria or [], expect or [])
    check_json_target(json_target)
    check_options(executor, None)
    if resume and out is None:
        raise RequestError("option --resume: there is no --out to go on with; give the directory of the report that was stopped")
    if out is not None:
        _check_report(out, resume)
    with standard_output_for(json_target):
        landscape = options.request().load()
        if out is None and json_target is None:
            out = _default_directory(landscape.name)
            _check_report(out, resume)
        results = _run(landscape, plan, out, resume, executor)
    if results is None:
        raise KeyboardInterrupt("no criterion was finished, so nothing was written")
    _write(results, out, json_target)
    if results["interrupted"]:
        places = [str(place) for place in (out, json_target) if place not in (None, STANDARD_OUTPUT)]
        raise KeyboardInterrupt(f"what was measured is in {' and '.join(places) or 'the output'}")
    if json_target != STANDARD_OUTPUT:
        _show(results, out, json_target)
    return 0 if results["verdict_as_expected"] else 1


def _checked_plan(
    budget: str, seed: int, engine: str, temperatures: Sequence[float], criteria: Sequence[str], expect: Sequence[str]
) -> Plan:
    from villani_verify.criteria.budget import budget_for
    from villani_verify.curvature.engine import engine_for
    from villani_verify.verification import check_criterion, check_expectations, check_temperatures

    budget_for(budget, 1)
    engine_for(engine)
    check_temperatures(temperatures)
    named = [check_criterion(name.strip()) for part in criteria for name in part.split(",") if name.strip()]
    if criteria and not named:
        raise RequestError(f"criteria {criteria[0]!r}: it names none; there are {', '.join(CRITERION_NAMES)}")
    chosen = tuple(dict.fromkeys(named)) or CRITERION_NAMES
    expected = check_expectations(dict(_pair(text) for text in expect))
    for name in expected:
        if name not in chosen:
            raise RequestError(f"expected status of {name}: that criterion is not among those to check; add it to --criteria")
    return Plan(budget, seed, engine, tuple(temperatures), chosen, expected)


def _pair(text: str) -> tuple[str, str]:
    name, equals, status = text.partition("=")
    if not equals:
        raise RequestError(f"expectation {text!r}: it is not NAME=STATUS; give one such as smoothness=supported")
    return name.strip(), status.strip()


def _check_report(out: Path, resume: bool) -> None:
    from villani_verify.report import check_output
    from villani_verify.runs.campaign import check_directory

    if resume and out.exists():
        check_directory(out / RUN, resume=True)
        if not (out / RUN).is_dir():
            raise RequestError(
                f"output directory {str(out)!r}: nothing was stopped there; leave --resume out, or give another --out"
            )
        return
    check_output(out)


def _default_directory(name: str) -> Path:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:_LONGEST_NAME] or "landscape"
    return REPORTS / f"{plain}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"


def _run(landscape: Landscape, plan: Plan, out: Path | None, resume: bool, executor: str) -> dict[str, Any] | None:
    """Compute what is missing, and return the results of what is finished, or None if nothing is.

    Raises:
        VillaniError: as the criterion that failed did; those that were finished are kept where there is an --out.
    """
    if out is not None:
        new = not out.exists()
        try:
            return _compute(landscape, plan, out / RUN, resume, executor)
        finally:
            if new and out.is_dir() and not any(out.iterdir()):
                out.rmdir()
    with tempfile.TemporaryDirectory(prefix="villani-verify-") as name:
        return _compute(landscape, plan, Path(name), resume, executor)


def _compute(landscape: Landscape, plan: Plan, directory: Path, resume: bool, executor: str) -> dict[str, Any] | None:
    import torch

    from villani_verify.environment import describe_environment
    from villani_verify.runs import campaign
    from villani_verify.runs.landscapes import deposit, kept
    from villani_verify.runs.verification import results_of, settings_of, units_of

    landscape.check()
    with campaign.held(directory), contextlib.ExitStack() as stack:
        digest = stack.enter_context(kept(landscape, directory)) if executor == LOCAL else deposit(landscape, directory)
        settings = settings_of(landscape, digest, **dataclasses.asdict(plan), threads=torch.get_num_threads())
        store = stack.enter_context(campaign.begin(directory, settings, units_of(settings), resume=resume))
        try:
            if store.counts().pending:
                _fill(store, landscape, executor)
            return results_of(settings, list(store.results()), describe_environment(landscape.device))
        finally:
            if not store.counts().finished:
                shutil.rmtree(directory)


def _fill(store: Store, landscape: Landscape, executor: str) -> None:
    """Compute what is missing in a store, until that is asked to stop."""
    from villani_verify.runs.campaign import compute
    from villani_verify.runs.coordinator import Computing
    from villani_verify.runs.progress import shown_by

    local = executor == LOCAL
    threads = store.settings["threads"]
    # Here a criterion tells itself how far it is, and trying again would give the same error.
    computing = Computing(str(landscape.device), threads, 1) if local else Computing(landscape.device.type, threads)
    with opened(executor, None) as pool, progress_display() as progress:
        show = stopping_on_request(progress)
        quiet = stopping_on_request(lambda message, done, total: None)
        with shown_by(show):
            outcome = compute(store, pool, computing, quiet if local else show)
    if outcome.failures and not outcome.stopped:
        outcome.failures[0].reraise()


def _write(results: dict[str, Any], out: Path | None, json_target: str | None) -> None:
    if json_target is not None:
        write_json(results, json_target)
    if out is not None:
        from villani_verify.report import write_report

        write_report(results, out, beside=(RUN,))


def _show(results: dict[str, Any], out: Path | None, json_target: str | None) -> None:
    from villani_verify.cli.console import print_lines, print_verdicts
    from villani_verify.report.commands import replay_command

    print_verdicts(results)
    written = out / "results.json" if out is not None else json_target
    request = results["landscape"]["request"]
    if request is not None:
        refuted = [name for name, row in results["criteria"].items() if row["witness"] is not None]
        print_lines(*(f"Measure the counterexample again: {replay_command(str(written), request, name)}" for name in refuted))
    print_lines(f"Report: {out / 'index.html'}" if out is not None else f"Results: {json_target}")
