"""`villani-verify psi`: Ψ_s, ΔF and s* at chosen radii."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from villani_verify.cli.options import JsonTarget, LandscapeOptions, takes_landscape
from villani_verify.cli.output import STANDARD_OUTPUT, check_json_target, standard_output_for, write_json
from villani_verify.cli.progress import progress_display

_MEASURE = "What to measure"
_OUTPUT = "Output"


@takes_landscape
def psi(
    *,
    options: LandscapeOptions,
    radius: Annotated[
        list[float] | None,
        typer.Option(metavar="R", help="Scale θ to the norm R > 0; repeatable. Default: θ as it is.", rich_help_panel=_MEASURE),
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            metavar="s",
            help="Report Ψ_s at this s > 0, in the convention dθ = −∇F dt + √s dW; repeatable. Default: 1.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    num_probes: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="±1 probes for each Laplacian, at least 2. Default: exact up to 2,000 parameters, 16 above.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    target_relative_error: Annotated[
        float | None,
        typer.Option(
            metavar="ε",
            help="Instead: draw probes until the interval of ΔL is within ± this fraction, such as 0.01.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=(
                "How: hutchinson; hutch++, which treats a subspace exactly; two-level, of rounded and exact samples; "
                "or auto, whichever is predicted to cost less."
            ),
            rich_help_panel=_MEASURE,
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(metavar="N", help="Address of the probes.", rich_help_panel=_MEASURE)] = 0,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Computes vᵀ∇²L v: auto, taylor, reverse or forward-over-reverse.",
            rich_help_panel=_MEASURE,
        ),
    ] = "auto",
    json_target: JsonTarget = None,
) -> int:
    """Measure Ψ_s = ‖∇F‖²/s − ΔF and the critical temperature s* = ‖∇F‖²/ΔF, with 95 % intervals.

    Without --landscape and --model it is the small trained GPT-Neo of the zoo.
    """
    from villani_verify.curvature.engine import engine_for
    from villani_verify.estimation.adaptive import check_method
    from villani_verify.measurement import psi as measure
    from villani_verify.verification import check_temperatures

    temperatures = tuple(temperature or [1.0])
    check_temperatures(temperatures)
    engine_for(engine)
    check_method(method)
    check_json_target(json_target)
    with standard_output_for(json_target):
        landscape = options.request().load()
        with progress_display() as progress:
            progress("measuring Ψ", 0, 0)
            measured = measure(
                landscape,
                radii=radius or [],
                temperatures=temperatures,
                num_probes=num_probes,
                target_relative_error=target_relative_error,
                seed=seed,
                engine=engine,
                method=method,
            ).as_dict()
    if json_target is not None:
        write_json(measured, json_target)
    if json_target != STANDARD_OUTPUT:
        _print(landscape.name, measured)
    return 0


def _print(name: str, measured: Mapping[str, Any]) -> None:
    from villani_verify.cli.console import print_lines, print_table, show_interval, show_number

    print_lines(f"{name}: {measured['dimension']:,} parameters; intervals at {measured['level']:.0%}\n")
    rows = [
        [
            show_number(p["radius"]), show_number(p["loss"]), show_number(p["gradient_norm_squared"]),
            show_number(p["laplacian"]["value"]), show_number(p["laplacian"]["standard_error"], 2),
            show_number(p["critical_temperature"]["value"]), show_interval(p["critical_temperature"]["interval"]),
        ]
        for p in measured["points"]
    ]  # fmt: skip
    print_table(["‖θ‖", "L", "‖∇F‖²", "ΔF", "standard error", "s*", "interval of s*"], rows)
    print_lines("")
    rows = [
        [show_number(p["radius"]), show_number(x["temperature"]), show_number(x["value"]), show_interval(x["interval"])]
        for p in measured["points"]
        for x in p["psi"]
    ]
    print_table(["‖θ‖", "s", "Ψ_s", "interval of Ψ_s"], rows)
    matvecs = sum(p["laplacian"]["num_matvecs"] for p in measured["points"])
    print_lines(f"\n{matvecs} matvecs by the engine {measured['engine']!r} in {measured['seconds']:.2f} s")
    for note in measured["notes"]:
        print_lines(f"note: {note}")
