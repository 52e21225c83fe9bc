"""`villani-verify doctor`: what this machine and this landscape can and cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from villani_verify.cli.options import LandscapeOptions, takes_landscape
from villani_verify.cli.output import STANDARD_OUTPUT, check_json_target, standard_output_for, write_json

if TYPE_CHECKING:
    from villani_verify.cli.checks.finding import Finding
    from villani_verify.landscape import Landscape

_COLOURS = {"OK": "green", "NOTE": "yellow", "FAIL": "bold red"}
_DEFAULT = "gpt-neo-tiny"
_CHECK = "What to check"


@takes_landscape
def doctor(
    *,
    options: LandscapeOptions,
    hub: Annotated[
        bool, typer.Option("--hub", help="Also ask whether the Hugging Face hub answers.", rich_help_panel=_CHECK)
    ] = False,
    json_target: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="PATH|-", help="Write the findings as one JSON object; - for standard output.", rich_help_panel=_CHECK
        ),
    ] = None,
) -> int:
    """Check this machine, and one landscape on it (gpt-neo-tiny unless another is given).

    Looks at versions, devices, memory and packages; then at the loss and its derivatives. No line may say FAIL.
    """
    from villani_verify.cli.checks.machine import machine_findings

    check_json_target(json_target)
    findings: list[Finding] = []
    with standard_output_for(json_target):
        for finding in machine_findings(ask_hub=hub):
            _keep(finding, findings, json_target)
        landscape = options.request_or(_DEFAULT).load()
        for finding in _of_landscape(landscape):
            _keep(finding, findings, json_target)
    healthy = all(f.status != "FAIL" for f in findings)
    if json_target is not None:
        write_json(_as_dict(findings, landscape, healthy), json_target)
    return 0 if healthy else 1


def _of_landscape(landscape: Landscape) -> Iterator[Finding]:
    from villani_verify.cli.checks.landscape import landscape_findings

    return landscape_findings(landscape)


def _keep(finding: Finding, findings: list[Finding], json_target: str | None) -> None:
    """Note a finding, and show it at once: the later ones may take a while."""
    findings.append(finding)
    if json_target != STANDARD_OUTPUT:
        from villani_verify.cli.console import print_finding

        print_finding(finding.status, _COLOURS[finding.status], f"{finding.name}: {finding.sentence}")


def _as_dict(findings: list[Finding], landscape: Landscape, healthy: bool) -> dict[str, Any]:
    from villani_verify.environment import describe_environment

    return {
        "healthy": healthy,
        "checks": [finding.as_dict() for finding in findings],
        "environment": describe_environment(landscape.device),
    }
