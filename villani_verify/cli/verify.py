"""`villani-verify verify`: all criteria on one landscape, with a report."""

from __future__ import annotations

import dataclasses
import re
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from villani_verify.cli.interruption import errors_as_interrupt, stopping_on_request
from villani_verify.cli.options import JsonTarget, LandscapeOptions, takes_landscape
from villani_verify.cli.output import STANDARD_OUTPUT, check_json_target, standard_output_for, write_json
from villani_verify.cli.progress import progress_display
from villani_verify.criteria import CRITERION_NAMES
from villani_verify.errors import RequestError

if TYPE_CHECKING:
    from villani_verify.landscape import Landscape
    from villani_verify.verification import Verification

REPORTS = Path("villani-reports")
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
    json_target: JsonTarget = None,
) -> int:
    """Check Villani's criteria on a landscape; the default is a small trained GPT-Neo on generated text.

    If it is interrupted, what was measured until then is written, marked as interrupted.
    """
    plan = _checked_plan(budget, seed, engine, temperature or [], criteria or [], expect or [])
    check_json_target(json_target)
    if out is not None:
        _check_report(out)
    with standard_output_for(json_target):
        landscape = options.request().load()
        if out is None and json_target is None:
            out = _default_directory(landscape.name)
            _check_report(out)
        verification, stopped = _run(landscape, plan)
    if verification is None:
        raise KeyboardInterrupt("no criterion was finished, so nothing was written")
    results = verification.as_dict()
    _write(results, out, json_target)
    if stopped:
        places = [str(place) for place in (out, json_target) if place not in (None, STANDARD_OUTPUT)]
        raise KeyboardInterrupt(f"what was measured is in {' and '.join(places) or 'the output'}")
    if json_target != STANDARD_OUTPUT:
        _show(results, out, json_target)
    return 0 if verification.verdict_as_expected else 1


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


def _check_report(out: Path) -> None:
    from villani_verify.report import check_output

    check_output(out)


def _default_directory(name: str) -> Path:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "landscape"
    return REPORTS / f"{plain}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"


def _run(landscape: Landscape, plan: Plan) -> tuple[Verification | None, bool]:
    """Verify, and return what was finished and whether the work was interrupted."""
    from villani_verify.verification import verify as verify_landscape

    finished: list[Verification] = []
    try:
        with errors_as_interrupt(), progress_display() as progress:
            complete = verify_landscape(
                landscape, **_arguments(plan), progress=stopping_on_request(progress), on_result=finished.append
            )
    except KeyboardInterrupt:
        return (finished[-1] if finished else None), True
    return complete, False


def _arguments(plan: Plan) -> dict[str, Any]:
    return {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan)}


def _write(results: dict[str, Any], out: Path | None, json_target: str | None) -> None:
    if json_target is not None:
        write_json(results, json_target)
    if out is not None:
        from villani_verify.report import write_report

        write_report(results, out)


def _show(results: dict[str, Any], out: Path | None, json_target: str | None) -> None:
    from villani_verify.cli.console import print_lines, print_verdicts

    print_verdicts(results)
    written = out / "results.json" if out is not None else json_target
    if results["landscape"]["request"] is not None:
        refuted = [name for name, row in results["criteria"].items() if row["witness"] is not None]
        print_lines(
            *(
                f"Measure the counterexample again: villani-verify replay {shlex.quote(str(written))} --criterion {name}"
                for name in refuted
            )
        )
    print_lines(f"Report: {out / 'index.html'}" if out is not None else f"Results: {json_target}")
