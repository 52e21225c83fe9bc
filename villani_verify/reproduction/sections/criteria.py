"""Villani's criteria on the trained model, by the suite's own search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from villani_verify.report.figures import draw_figures
from villani_verify.reproduction.claims import Finding
from villani_verify.reproduction.section import SectionResult, Work
from villani_verify.verification import verify

_ROWS = {
    "smoothness": "smoothness",
    "quadratic-growth": "quadratic_growth",
    "gaussian-tails": "gaussian_tails",
    "psi-rays": "differential_growth_rays",
    "psi-uniform": "differential_growth_uniform",
}
_VERDICTS = {
    "supported": "no counterexample found",
    "refuted": "refuted",
    "inconclusive": "undecided",
    "not_applicable": "does not apply",
}
_SHOWN = ("critical-temperature", "psi")


def criteria(work: Work) -> SectionResult:
    """Verify the five criteria in the quick budget."""
    results = verify(work.subject.landscape, seed=work.seed, progress=work.progress).as_dict()
    findings = tuple(_finding(claim, results["criteria"][name]) for claim, name in _ROWS.items())
    figures = tuple(f for f in draw_figures(results) if f.name in _SHOWN)
    return SectionResult(findings, results, figures)


def _finding(claim: str, row: Mapping[str, Any]) -> Finding:
    measured, verdict = str(row["summary"]), _VERDICTS[row["status"]]
    growth = row["evidence"].get("gradient_growth") if claim == "psi-rays" else None
    if growth is not None:
        low, high = growth["interval"]
        measured += f" As Ψ_s = ‖∇F‖²/s − ΔF, it grows like r^{growth['exponent']:.3f} [{low:.3f}, {high:.3f}]."
    return Finding(claim, measured, verdict)
