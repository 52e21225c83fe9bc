"""`villani-verify constants`: bounds on the constants of the Gibbs measure, and the constant itself beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from villani_verify.cli.interruption import stopping_on_request
from villani_verify.cli.options import JsonTarget, LandscapeOptions, takes_landscape
from villani_verify.cli.output import STANDARD_OUTPUT, check_json_target, standard_output_for, write_json
from villani_verify.cli.progress import progress_display
from villani_verify.errors import RequestError

if TYPE_CHECKING:
    from villani_verify.theory.constants import Constants

_MEASURE = "Which constants"
_OUTPUT = "Output"


@takes_landscape
def constants(
    *,
    options: LandscapeOptions,
    dimension: Annotated[
        int | None,
        typer.Option(
            metavar="d", help="Without a landscape: number of parameters, together with --weight-decay.", rich_help_panel=_MEASURE
        ),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option(metavar="s", help="Of the measure ∝ exp(−2F/s), s > 0; 2 gives exp(−F).", rich_help_panel=_MEASURE),
    ] = 2.0,
    measure: Annotated[
        bool,
        typer.Option("--audit", help="Measure the Poincaré constant, and say which bounds it violates.", rich_help_panel=_MEASURE),
    ] = False,
    slice_directions: Annotated[
        int | None,
        typer.Option(
            "--slice",
            metavar="K",
            help="Leave K parameters free, drawn by --seed, and fix all others where they are.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    steps: Annotated[
        int,
        typer.Option(metavar="N", help="Of the chains of an audit with more than three parameters.", rich_help_panel=_MEASURE),
    ] = 6000,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Draws the slice, the points looked at and the chains.", rich_help_panel=_MEASURE)
    ] = 0,
    oscillation: Annotated[
        float | None,
        typer.Option(metavar="B", help="sup L − inf L, if you know it; for Holley and Stroock.", rich_help_panel=_MEASURE),
    ] = None,
    smoothness: Annotated[
        float | None,
        typer.Option(metavar="M", help="M ≥ ‖∇²F‖ everywhere, if you know it; for the number of steps.", rich_help_panel=_MEASURE),
    ] = None,
    initial_divergence: Annotated[
        float | None,
        typer.Option(metavar="NATS", help="At the start. Default: one nat a parameter.", rich_help_panel=_MEASURE),
    ] = None,
    target_divergence: Annotated[
        float, typer.Option(metavar="NATS", help="To be reached by time and steps.", rich_help_panel=_MEASURE)
    ] = 0.01,
    json_target: JsonTarget = None,
) -> int:
    """Bound the log-Sobolev and Poincaré constants of exp(−2F/s), and say what each bound rests on.

    Either of --dimension and --weight-decay alone, or of a landscape; --audit puts the true Poincaré constant beside the
    bounds where there are at most three parameters, or a --slice of so many; up to 1,000 parameters Langevin chains give a
    lower bound of it.
    """
    from villani_verify.theory.constants import constants_of_landscape, constants_of_numbers
    from villani_verify.theory.gibbs import Gibbs
    from villani_verify.theory.slices import coordinate_directions, slice_of

    check_json_target(json_target)
    if oscillation is not None and not 0 <= oscillation < float("inf"):
        raise RequestError(f"--oscillation {oscillation:g}: it is not a number of at least 0; give sup L − inf L")
    known: dict[str, Any] = {
        "oscillation": oscillation,
        "smoothness": smoothness,
        "initial": initial_divergence,
        "target": target_divergence,
    }
    if dimension is not None:
        _check_alone(options, measure, slice_directions)
        if options.weight_decay is None:
            raise RequestError("--dimension: it needs --weight-decay beside it; give λ > 0")
        found = constants_of_numbers(Gibbs(dimension, options.weight_decay, temperature), **known)
    else:
        with standard_output_for(json_target), progress_display() as progress:
            landscape = options.request().load()
            if slice_directions is not None:
                landscape = slice_of(landscape, coordinate_directions(landscape, slice_directions, seed))
            found = constants_of_landscape(
                landscape, temperature, measure=measure, steps=steps, seed=seed, progress=stopping_on_request(progress), **known
            )
    if json_target is not None:
        write_json(found.as_dict(), json_target)
    if json_target != STANDARD_OUTPUT:
        _print(found)
    return 0


def _check_alone(options: LandscapeOptions, measure: bool, slice_directions: int | None) -> None:
    for named, given in (
        ("--landscape", options.landscape is not None),
        ("--model", options.model is not None),
        ("--audit", measure),
        ("--slice", slice_directions is not None),
    ):
        if given:
            raise RequestError(f"--dimension and {named}: a bound of numbers alone has no landscape; leave one of them off")


def _print(found: Constants) -> None:
    from villani_verify.cli.console import print_lines, print_table, show_interval, show_number

    gibbs = found.gibbs
    print_lines(
        f"{found.name or 'any loss'}: {gibbs.dimension:,} parameters, weight decay {show_number(gibbs.weight_decay)}, "
        f"density ∝ exp(−2F/s) at s = {show_number(gibbs.temperature)}\n"
    )
    if found.measured is not None:
        print_lines(
            f"Poincaré constant {show_number(found.measured.value, 6)} {show_interval(found.measured.interval, 6)}, "
            f"{found.measured.method}\n"
        )
    ratios = {t.name: t for t in found.tightness}
    times = {m.bound: m for m in found.mixing}
    rows = []
    for b in found.bounds:
        ratio, time = ratios.get(b.name), times.get(b.name)
        rows.append(
            [
                b.name,
                f"{b.inequality} ({b.source})",
                "–" if b.value is None else show_number(b.value),
                "" if ratio is None else show_number(ratio.ratio) + (" VIOLATED" if ratio.violated else ""),
                "" if time is None else show_number(time.time),
                "" if time is None or time.steps is None else show_number(time.steps),
            ]
        )
    print_table(["bound", "on", "value", "bound / constant", "time", "steps"], rows, left=2)
    print_lines("")
    for b in found.bounds:
        for condition in b.conditions:
            print_lines(
                f"{b.name}: {condition.text}: {condition.status}" + (f" ({condition.evidence})" if condition.evidence else "")
            )
    start, end = show_number(found.initial), show_number(found.target)
    print_lines(
        f"\nTimes bring the divergence from {start} to {end}: KL for log-Sobolev bounds, χ² for Poincaré bounds. "
        "Steps are those of the discretisation, its bias included."
    )
