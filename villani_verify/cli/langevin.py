"""`villani-verify langevin`: noisy gradient descent, how fast it relaxes and mixes, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from villani_verify.cli.interruption import errors_as_interrupt, stopping_on_request
from villani_verify.cli.options import JsonTarget, LandscapeOptions, takes_landscape
from villani_verify.cli.output import STANDARD_OUTPUT, check_json_target, standard_output_for, write_json
from villani_verify.cli.progress import progress_display
from villani_verify.errors import RequestError

if TYPE_CHECKING:
    from villani_verify.landscape import Landscape
    from villani_verify.theory.langevin.study import Study

_RUN = "What to run"
_OUTPUT = "Output"
RESULTS = "langevin.json"
CHECKPOINTS = "checkpoints"


@takes_landscape
def langevin(
    *,
    options: LandscapeOptions,
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            metavar="s",
            help="s > 0 of dθ = −∇F dt + √s dW; repeatable. Default: 1.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", help="Steps of each chain.", rich_help_panel=_RUN)] = 6000,
    chains: Annotated[
        int, typer.Option(metavar="M", help="Independent chains, at least 4; intervals need 20.", rich_help_panel=_RUN)
    ] = 20,
    step_size: Annotated[
        float | None,
        typer.Option(metavar="η", help="Default: 0.05 of the stability limit 2/‖∇²F‖ at the start.", rich_help_panel=_RUN),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="SGLD: the gradient of so many of the rows, drawn anew each step. Default: all rows.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    burn_in: Annotated[
        int | None,
        typer.Option(metavar="N", help="Steps that stationary numbers leave out. Default: a quarter.", rich_help_panel=_RUN),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="reference (θ as it is), gaussian (the measure of the decay alone) or mixed (half of each). "
            "Default: mixed up to 1,000 decayed parameters, reference beyond.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    bias: Annotated[
        bool,
        typer.Option(
            help="Measure the discretisation bias by runs at η/2 on the same paths: three times the work.", rich_help_panel=_RUN
        ),
    ] = True,
    seed: Annotated[int, typer.Option(metavar="N", help="Address of all noise.", rich_help_panel=_RUN)] = 0,
    json_target: JsonTarget = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write checkpoints, langevin.json and figures there; it must be new or empty.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoints in --out, with the same options.", rich_help_panel=_OUTPUT)
    ] = False,
) -> int:
    """Run Langevin chains: how fast F relaxes and chains forget, and a lower bound of the Poincaré constant.

    Chains that have not mixed give no constant, chains that diverge no number at all (exit status 1).
    """  # fmt: skip
    from villani_verify.verification import check_temperatures

    temperatures = tuple(temperature or [1.0])
    check_temperatures(temperatures)
    check_json_target(json_target)
    _check_out(out, resume)
    with standard_output_for(json_target):
        landscape = options.request().load()
        settings = {
            "temperatures": temperatures, "step_size": step_size, "chains": chains, "steps": steps, "seed": seed,
            "burn_in": burn_in, "batch": batch, "start": start, "measure_bias": bias,
        }  # fmt: skip
        measured = _run(landscape, settings, out, resume)
    results = measured.as_dict()
    if json_target is not None:
        write_json(results, json_target)
    if out is not None:
        _write(results, out)
    if json_target != STANDARD_OUTPUT:
        _print(landscape.name, results)
    return 1 if measured.diverged else 0


def _check_out(out: Path | None, resume: bool) -> None:
    from villani_verify.report import check_output

    if resume and out is None:
        raise RequestError("option --resume: there is no --out to go on from; give the directory of the run that was stopped")
    if resume and out is not None and not (out / CHECKPOINTS).is_dir():
        raise RequestError(f"output directory {str(out)!r}: it holds no {CHECKPOINTS} to go on from; leave --resume out")
    if out is not None and not resume:
        check_output(out)


def _run(landscape: Landscape, settings: Mapping[str, Any], out: Path | None, resume: bool) -> Study:
    from villani_verify.theory.langevin.study import study

    directory = None if out is None else out / CHECKPOINTS
    try:
        with errors_as_interrupt(), progress_display() as progress:
            return study(landscape, **settings, directory=directory, resume=resume, progress=stopping_on_request(progress))
    except KeyboardInterrupt as e:
        if out is None:
            raise
        raise KeyboardInterrupt(f"the chains so far are in {out}; go on with --resume") from e


def _write(results: Mapping[str, Any], out: Path) -> None:
    from villani_verify.files import write_whole
    from villani_verify.report.figures.langevin import draw_langevin

    for drawn in draw_langevin(results):
        write_whole(out / f"{drawn.name}.svg", drawn.file)
    # Last, so that its presence says that all is there.
    write_json(results, str(out / RESULTS))


def _print(name: str, results: Mapping[str, Any]) -> None:
    from villani_verify.cli.console import print_lines, print_table, show_interval, show_number

    print_lines(
        f"{name}: {results['landscape']['dimension']:,} parameters; {results['chains']} chains of {results['steps']:,} steps; "
        f"intervals at {results['level']:.0%}"
    )
    for cell in results["cells"]:
        decay = cell["weight_decay"]
        print_lines(
            f"\nλ = {show_number(decay) if isinstance(decay, float) else 'by parameter'}, s = {show_number(cell['temperature'])}, "
            f"η = {show_number(cell['step_size'], 3)} (stable below {show_number(cell['stability_limit'], 3)})"
            + (f": {cell['reason']}" if cell["reason"] else "")
        )
        rows = [[what, show_number(m["value"]), show_interval(m["interval"])] for what, m in _measured(cell) if m is not None]
        stated = cell["predicted"]["stated"]
        if rows and stated is not None:
            violated = {True: "violated", False: "not violated", None: "not audited"}[stated["violated"]]
            rows.append(["C_LS at most, as stated", show_number(stated["poincare"]), violated])
        if rows:
            print_table(["", "value", "interval"], rows, left=1)
        noise = cell["gradient_noise"]
        if noise is not None and noise["heating"] is not None:
            print_lines(f"noise of mini-batches along its worst direction, over the injected one: {show_number(noise['heating'])}")
        if cell["relaxation"] is not None and cell["relaxation"]["reason"]:
            print_lines(f"no rate of F: {cell['relaxation']['reason']}")
    for note in ["", *(f"note: {note}" for note in results["notes"])]:
        print_lines(note)


def _measured(cell: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any] | None]]:
    """Return what was measured, in words; None for what was not."""
    relaxation, mixing, bias = cell["relaxation"] or {}, cell["mixing_rate"] or {}, cell["discretisation_bias"]
    limit, poincare = bias["means"].get("F"), bias["poincare"]
    return [
        ("rate at which the mean of F relaxes", relaxation.get("rate")),
        ("its limit", relaxation.get("limit")),
        ("slowest rate seen (the gap is at most that)", mixing.get("slowest_rate")),
        ("C_P at least, from autocorrelation", mixing.get("poincare")),
        ("the same, extrapolated to η = 0", poincare and poincare["extrapolated"]),
        ("C_P at least, from Var f/∫|∇f|²", mixing.get("rayleigh")),
        ("stationary mean of F", limit and limit["coarse"]),
        ("the same, extrapolated to η = 0", limit and limit["extrapolated"]),
    ]
