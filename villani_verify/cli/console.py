"""What a person reads on standard output: verdicts in words, and plain tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from villani_verify.errors import visible

_COLOURS = {"supported": "green", "refuted": "red", "inconclusive": "yellow", "not_applicable": "bright_black"}
# Width where there is no terminal to ask, as in log files.
_WIDTH = 110


def console() -> Console:
    """Return a console on the standard output of this moment; without colours and 110 wide unless it is a terminal."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def print_lines(*lines: str) -> None:
    """Print lines as they are, without wrapping, so that paths and commands can be copied."""
    for line in lines:
        console().print(visible(line), soft_wrap=True)


def print_verdicts(results: Mapping[str, Any]) -> None:
    """Print the verdicts of a results object: status, criterion in words, and the summary's sentence."""
    from villani_verify.report.words import PLAIN, STATUS_WORDS, TITLES, decay_words, expectation, headline, ordered

    landscape, rows = results["landscape"], results["criteria"]
    table = Table.grid(padding=(0, 2, 1, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name in ordered(rows):
        row = rows[name]
        status = Text(STATUS_WORDS[row["status"]].upper(), style=f"bold {_COLOURS[row['status']]}")
        claim = Text.assemble((TITLES[name], "bold"), f": {PLAIN[name]}", "" if row["as_expected"] else " [not as expected]")
        table.add_row(status, Text("\n").join([claim, Text(str(row["summary"]))]))
    out = console()
    out.print(
        f"{landscape['name']}: {landscape['dimension']:,} parameters, weight decay {decay_words(landscape['weight_decay'])}, "
        f"L = {float(landscape['loss']):.6g} at the reference point\n"
    )
    out.print(table)
    out.print()
    out.print(headline(results))
    out.print(expectation(results))
    for note in results["notes"]:
        out.print(f"Note: {note}.")


def print_finding(status: str, colour: str, text: str) -> None:
    """Print one line of a list of checks: its status in colour, and what was found."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=4)
    table.add_column()
    table.add_row(Text(status, style=colour), Text(text))
    console().print(table)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 0) -> None:
    """Print a table of text, its first `left` columns aligned to the left and the others to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(visible, row))
    console().print(table)


def show_number(value: Any, digits: int = 4) -> str:
    """Return a number for reading; the JSON spelling of infinity becomes ∞."""
    number = float(value)
    return {float("inf"): "∞", float("-inf"): "−∞"}.get(number, f"{number:.{digits}g}".replace("-", "−"))


def show_interval(interval: Sequence[Any] | None, digits: int = 4) -> str:
    """Return an interval for reading, or nothing where it is a single number."""
    if interval is None or interval[0] == interval[1]:
        return "exact"
    return f"[{show_number(interval[0], digits)}, {show_number(interval[1], digits)}]"
