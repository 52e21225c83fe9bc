"""The report of a verification: a self-contained page, the results as JSON, and the figures as SVG.

`write_report` makes it from the results object alone; nothing is measured here.
"""

from __future__ import annotations

from villani_verify.report.output import check_output
from villani_verify.report.render import write_report

__all__ = ["check_output", "write_report"]
