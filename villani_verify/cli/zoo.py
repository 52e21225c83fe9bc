"""`villani-verify zoo`: the landscapes whose verdicts are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from villani_verify.cli.output import STANDARD_OUTPUT, check_json_target, write_json
from villani_verify.criteria import CRITERION_NAMES

if TYPE_CHECKING:
    from villani_verify.landscapes.zoo import ZooEntry

_SYMBOLS: Mapping[str, str] = {"supported": "S", "refuted": "R", "inconclusive": "?", "not_applicable": "–"}


def zoo(
    json_target: Annotated[
        str | None, typer.Option("--json", metavar="PATH|-", help="Write the list as one JSON object; - for standard output.")
    ] = None,
) -> int:
    """List the landscapes that --landscape takes by name, with the verdicts that are known of them."""
    check_json_target(json_target)
    from villani_verify.landscapes.zoo import ZOO

    if json_target is not None:
        write_json({"landscapes": [_as_dict(entry) for entry in ZOO.values()]}, json_target)
    if json_target != STANDARD_OUTPUT:
        _print(list(ZOO.values()))
    return 0


def _as_dict(entry: ZooEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "summary": entry.summary,
        "weight_decay": entry.weight_decay,
        "expected": dict(entry.expected),
        "reason": entry.reason,
        "critical_temperature": entry.critical_temperature,
    }


def _print(entries: list[ZooEntry]) -> None:
    from villani_verify.cli.console import print_lines, print_table

    rows = []
    for entry in entries:
        symbols = " ".join(_SYMBOLS.get(entry.expected.get(name, ""), "·") for name in CRITERION_NAMES)
        rows.append([entry.name, entry.kind, symbols, entry.summary])
    print_table(["name", "kind", "expected", "summary"], rows, left=4)
    print_lines(
        "",
        f"expected, in this order: {', '.join(CRITERION_NAMES)}",
        "S supported, R refuted; --json gives the reasons",
    )
