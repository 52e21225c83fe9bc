"""The figures of a calibration as text for the documentation: the sentences of the report, and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from villani_verify.report.calibration import calibration_section
from villani_verify.report.tables import Table


def as_markdown(measured: Mapping[str, Any]) -> str:
    """Return paragraphs and tables in Markdown.

    Args:
        measured: as `villani_verify.calibration.measured.assemble` returns it.
    """
    section = calibration_section(measured)
    assert section is not None, "there are figures"
    notes = [f"{number}. {reason}" for number, reason in enumerate(section["reasons"], start=1)]
    parts = [
        f"Measured {section['when']}, seed {measured['seed']}.",
        section["coverage"],
        section["false_alarms"],
        section["power"],
        _table(section["intervals"]),
        "\n".join(notes),
        _table(section["controls"]),
    ]
    return "\n\n".join(part for part in parts if part).replace("\u00a0", " ") + "\n"


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    rows = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
