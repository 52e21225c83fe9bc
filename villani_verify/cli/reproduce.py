"""`villani-verify reproduce`: the paper's claims, measured, as one table with figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from villani_verify.cli.output import STANDARD_OUTPUT, check_json_target, standard_output_for, write_json
from villani_verify.cli.progress import progress_display
from villani_verify.errors import unknown_name

_WHAT = "What"
_OUTPUT = "Output"


def reproduce(
    size: Annotated[
        str,
        typer.Option(
            metavar="small|full", help="small: two cores, 20 minutes; full: GPT-Neo-125M on a GPU.", rich_help_panel=_WHAT
        ),
    ] = "small",
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="ptb, wikitext-2, wikitext-103 or embedded; repeatable. Default: ptb, and wikitext-103 at full.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where ptb/ and the others lie. Default: fetched from the hub.", rich_help_panel=_WHAT),
    ] = None,
    section: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this part, such as constants; repeatable. Default: all.", rich_help_panel=_WHAT),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="Look at this model in place of the size's own, from a directory or the Hugging Face hub.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR", help="Of --model, or of GPT-Neo-125M. Default: its own.", rich_help_panel=_WHAT),
    ] = None,
    study_seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Trainings for each λ of the weight-decay study; more make its intervals narrower. Default: 2, and 5 at full.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Everything drawn follows from it.", rich_help_panel=_WHAT)] = 0,
    device: Annotated[
        str,
        typer.Option("--device", metavar="DEVICE", help="cpu, cuda, cuda:N, or auto: cuda if there is one.", rich_help_panel=_WHAT),
    ] = "auto",
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Where index.html, table.md and results.json go. The same command goes on with what is there.",
            rich_help_panel=_OUTPUT,
        ),
    ] = Path("reproduction"),
    json_target: Annotated[
        str | None,
        typer.Option("--json", metavar="PATH|-", help="Write the results too; - for standard output.", rich_help_panel=_OUTPUT),
    ] = None,
) -> int:
    """Measure every claim of Das and Dutta (2026): criteria, constants, spectrum, noisy SGD, PAC-Bayes bounds and weight decay.

    It can be stopped at any time: the same command goes on with what is missing.
    """
    from villani_verify.landscapes.request import device_of
    from villani_verify.reproduction.claims import SECTIONS
    from villani_verify.reproduction.run import Request
    from villani_verify.reproduction.run import reproduce as measure
    from villani_verify.reproduction.sizes import SIZES

    check_json_target(json_target)
    if size not in SIZES:
        raise unknown_name("size", size, SIZES)
    for name in section or ():
        if name not in SECTIONS:
            raise unknown_name("section", name, SECTIONS)
    chosen = SIZES[size].changed(model=model, tokenizer=tokenizer, seeds=study_seeds)
    where = str(device_of(device))
    request = Request(chosen, tuple(dataset or chosen.texts), data_dir, seed, where, tuple(section or SECTIONS))
    with standard_output_for(json_target), progress_display() as progress:
        results = measure(request, out, progress)
    if json_target is not None:
        write_json(results, json_target)
    if json_target != STANDARD_OUTPUT:
        _print(results, out)
    return 0


def _print(results: dict[str, object], out: Path) -> None:
    from villani_verify.cli.console import print_lines
    from villani_verify.reproduction.page import table_rows

    for row in table_rows(results):
        where = f" ({row['text']})" if row["text"] else ""
        print_lines(f"{row['title']}{where}: {row['verdict']}", f"    {row['measured']}")
    print_lines(f"\nTable and figures: {out / 'index.html'}")
