"""`villani-verify report`: render the page of finished results again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from villani_verify.cli.output import check_schema, read_json_object


def report(
    results: Annotated[Path, typer.Argument(metavar="RESULTS.json", help="What `verify` wrote, or the directory of its report.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the report; new or empty.")],
) -> int:
    """Write the report of finished results again: index.html, results.json and the figures. Nothing is measured."""
    from villani_verify.cli.console import print_lines
    from villani_verify.report import check_output, write_report

    data = read_json_object(results)
    check_schema(data, f"results file {str(results)!r}")
    check_output(out)
    write_report(data, out)
    print_lines(f"Report: {out / 'index.html'}")
    return 0
