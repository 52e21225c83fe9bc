"""`villani-verify spectrum`: the eigenvalues of ∇²F at chosen radii or checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from villani_verify.cli.interruption import stopping_on_request
from villani_verify.cli.options import JsonTarget, LandscapeOptions, takes_landscape
from villani_verify.cli.output import STANDARD_OUTPUT, check_json_target, standard_output_for, write_json
from villani_verify.cli.progress import progress_display

_MEASURE = "What to measure"
_OUTPUT = "Output"


@takes_landscape
def spectrum(
    *,
    options: LandscapeOptions,
    radius: Annotated[
        list[float] | None,
        typer.Option(metavar="R", help="Scale θ to the norm R > 0; repeatable. Default: θ as it is.", rich_help_panel=_MEASURE),
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            help="Take the parameters of the landscape's model from here, as saved at some moment of its training; repeatable.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    num_probes: Annotated[
        int, typer.Option(metavar="K", help="Random starts of Lanczos, at least 2.", rich_help_panel=_MEASURE)
    ] = 10,
    steps: Annotated[
        int,
        typer.Option(metavar="k", help="Lanczos steps from each start, at least 2; more resolve more.", rich_help_panel=_MEASURE),
    ] = 64,
    memory: Annotated[
        float,
        typer.Option(
            metavar="GIB",
            help="What Lanczos vectors may take, in GiB. Where it does not hold those of a start, they are not reorthogonalised.",
            rich_help_panel=_MEASURE,
        ),
    ] = 2.0,
    kernel_width: Annotated[
        float | None,
        typer.Option(
            metavar="σ",
            help="Standard deviation of the density's kernel. Default: what the steps can resolve.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Address of the starts.", rich_help_panel=_MEASURE)] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write figures and results.json there; it must be new or empty.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    json_target: JsonTarget = None,
) -> int:
    """Measure the spectrum of ∇²F: its ends, its density and mean, and how much of it is negative, with 95 % intervals.

    Without --landscape and --model it is the small trained GPT-Neo of the zoo.
    """
    from villani_verify.report.output import check_output
    from villani_verify.theory.spectrum.measurement import check_kernel_width, check_places
    from villani_verify.theory.spectrum.measurement import spectrum as measure
    from villani_verify.theory.spectrum.settings import SpectrumSettings

    check_places(radius or [], checkpoint or [])
    check_kernel_width(kernel_width)
    settings = SpectrumSettings(num_probes=num_probes, steps=steps, memory=memory, seed=seed)
    check_json_target(json_target)
    if out is not None:
        check_output(out)
    with standard_output_for(json_target):
        landscape = options.request().load()
        with progress_display() as progress:
            measured = measure(
                landscape,
                radii=radius or [],
                checkpoints=checkpoint or [],
                settings=settings,
                kernel_width=kernel_width,
                progress=stopping_on_request(progress),
            ).as_dict()
    if json_target is not None:
        write_json(measured, json_target)
    if out is not None:
        _write(measured, out)
    if json_target != STANDARD_OUTPUT:
        _print(measured)
        if out is not None:
            print(f"Figures: {out}")
    return 0


def _write(measured: Mapping[str, Any], out: Path) -> None:
    from villani_verify.report.figures.spectrum import draw_spectrum
    from villani_verify.report.output import write_files

    files = {f"{drawn.name}.svg": drawn.file for drawn in draw_spectrum(measured)}
    write_files(out, files | {"results.json": (json.dumps(measured, indent=2, allow_nan=False) + "\n").encode()})


def _print(measured: Mapping[str, Any]) -> None:
    from villani_verify.cli.console import print_lines, print_table, show_interval, show_number
    from villani_verify.report.checkpoints import short_name

    print_lines(f"{measured['landscape']}: {measured['dimension']:,} parameters; intervals at {measured['level']:.0%}\n")
    several = any(p["checkpoint"] for p in measured["points"])
    rows = []
    for p in measured["points"]:
        for what, found in (
            ("smallest eigenvalue", p["extremes"]["smallest"]),
            ("largest eigenvalue", p["extremes"]["largest"]),
            ("mean, ΔF/d", p["moments"]["mean"]),
            ("mean square", p["moments"]["second"]),
            ("fraction negative", p["fraction_negative"]),
        ):
            note = "" if found.get("converged", True) else "not converged"
            named = [short_name(p["checkpoint"])] if several else []
            rows.append(
                [*named, what, show_number(p["radius"]), show_number(found["value"], 6), show_interval(found["interval"], 6), note]
            )
    print_table([*(["checkpoint"] if several else []), "", "‖θ‖", "value", "interval", ""], rows, left=2 if several else 1)
    print_lines(
        f"\n{measured['num_matvecs']} Hessian-vector products in {measured['seconds']:.2f} s; reorthogonalisation: "
        f"{measured['reorthogonalisation']}"
    )
    for note in measured["notes"]:
        print_lines(f"note: {note}")
