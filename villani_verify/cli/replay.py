"""`villani-verify replay`: measure the witness of a refutation again, with fresh probes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from villani_verify.cli.options import LandscapeOptions, takes_landscape
from villani_verify.cli.output import (
    STANDARD_OUTPUT,
    check_json_target,
    check_schema,
    parse_object,
    read_json_object,
    standard_output_for,
    write_json,
)
from villani_verify.cli.progress import progress_display
from villani_verify.errors import RequestError

if TYPE_CHECKING:
    from villani_verify.landscapes.request import LandscapeRequest
    from villani_verify.replaying import Replay

_REPLAY = "What to replay"


@takes_landscape
def replay(
    *,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="results.json or the directory of a report, a file with one witness, or a witness as JSON text. "
            "Where it names file.py:factory as its landscape, name that with --landscape too: no file is run unasked.",
        ),
    ],
    options: LandscapeOptions,
    criterion: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which refuted criterion of the results. Default: all of them.", rich_help_panel=_REPLAY),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the fresh probes.", rich_help_panel=_REPLAY)] = 1,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Computes vᵀ∇²L v: auto, taylor, reverse or forward-over-reverse.",
            rich_help_panel=_REPLAY,
        ),
    ] = "auto",
    json_target: Annotated[
        str | None,
        typer.Option("--json", metavar="PATH|-", help="Write what was found as one JSON object.", rich_help_panel=_REPLAY),
    ] = None,
) -> int:
    """Measure a counterexample again, on the landscape that SOURCE names unless options replace parts of it.

    As expected is that every witness refutes its criterion again.
    """
    from villani_verify.curvature.engine import engine_for
    from villani_verify.replaying import replay as replay_witness

    engine_for(engine)
    check_json_target(json_target)
    witnesses, request = _witnesses(source, criterion)
    replays = []
    with standard_output_for(json_target):
        landscape = _landscape_request(options, request, source).load()
        landscape.check()
        with progress_display() as progress:
            for i, witness in enumerate(witnesses):
                progress("measuring witnesses again", i, len(witnesses))
                replays.append(replay_witness(witness, landscape, seed=seed, engine=engine))
    if json_target is not None:
        write_json(_as_dict(replays), json_target)
    if json_target != STANDARD_OUTPUT:
        for found in replays:
            _print(found)
    return 0 if all(found.reproduced for found in replays) else 1


def _witnesses(source: str, criterion: str | None) -> tuple[list[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Return the witnesses that are meant, and the request that builds their landscape, if it is known."""
    inline = source.lstrip().startswith("{")
    where = "witness" if inline else f"results file {source!r}"
    data = parse_object(source, where) if inline else read_json_object(Path(source))
    if "kind" in data:
        if criterion not in (None, data.get("criterion")):
            raise RequestError(f"criterion {criterion!r}: the witness is one of {data.get('criterion')!r}; leave --criterion off")
        return [data], data.get("request")
    check_schema(data, where)
    return _of_results(data, criterion, where), data["landscape"].get("request")


def _of_results(results: Mapping[str, Any], criterion: str | None, where: str) -> list[Mapping[str, Any]]:
    from villani_verify.verification import check_criterion

    refuted = {name: row["witness"] for name, row in results["criteria"].items() if row.get("witness") is not None}
    if criterion is not None and check_criterion(criterion) not in refuted:
        raise RequestError(f"criterion {criterion!r} in {where}: it has no witness; {_there_are(refuted)}")
    if not refuted:
        raise RequestError(f"{where}: nothing to replay, as no criterion was refuted; give results with a refutation")
    return list(refuted.values()) if criterion is None else [refuted[criterion]]


def _there_are(refuted: Mapping[str, Any]) -> str:
    return f"there are witnesses of {', '.join(refuted)}" if refuted else "no criterion was refuted"


def _landscape_request(options: LandscapeOptions, request: Any, source: str) -> LandscapeRequest:
    from villani_verify.landscapes.request import LandscapeRequest

    if request is None:
        if options.landscape is None and options.model is None:
            raise RequestError(
                f"replay of {source[:60]!r}: it does not say how to build its landscape, which was made in Python; "
                "give --landscape path/to/file.py:factory"
            )
        return options.request()
    if not isinstance(request, Mapping):
        raise RequestError(
            f"replay of {source[:60]!r}: its request is {request!r}, not an object; give the request of a results file"
        )
    stored = LandscapeRequest.from_dict(request)
    if stored.is_code and options.landscape is None and options.model is None:
        raise RequestError(
            f"replay of {source[:60]!r}: its landscape is code, {stored.landscape!r}, which is not run unasked; "
            f"read it, and give --landscape {shlex.quote(stored.landscape or '')}"
        )
    return options.over(stored)


def _as_dict(replays: list[Replay]) -> dict[str, Any]:
    from villani_verify.verification import strict_json

    return strict_json({
        "reproduced": all(found.reproduced for found in replays),
        "replays": [found.as_dict() for found in replays],
    })  # fmt: skip


def _print(found: Replay) -> None:
    from villani_verify.cli.console import print_lines, print_table, show_number
    from villani_verify.report.words import TITLES

    print_lines(f"{TITLES.get(found.criterion, found.criterion)}\n{found.sentence}\n")
    print_table(list(found.columns), [[show_number(x) for x in row] for row in found.rows])
    print_lines(f"\n{'reproduced' if found.reproduced else 'not reproduced'}\n")
