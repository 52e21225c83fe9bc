"""The figures that come with the package are complete, and the documentation has the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from villani_verify.calibration.cases import CASES
from villani_verify.calibration.kept import kept
from villani_verify.calibration.markdown import as_markdown
from villani_verify.calibration.measured import missed

MEASURED = kept()


def test_there_are_figures_of_every_interval_and_they_are_as_asked() -> None:
    assert MEASURED is not None
    assert [c["name"] for c in MEASURED["coverage"]] == list(CASES)
    assert all(c["replications"] >= 10_000 for c in MEASURED["coverage"])
    assert missed(MEASURED) == []


def test_they_say_what_the_cases_say() -> None:
    assert MEASURED is not None
    for found in MEASURED["coverage"]:
        case = CASES[found["name"]]
        assert (found["estimator"], found["what"], found["asked"], found["why"]) == (
            case.estimator,
            case.what,
            case.asked,
            case.why,
        )


def test_the_documentation_has_the_same_figures() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "measured.md"
    if not page.exists():
        pytest.skip("no documentation beside the package")
    assert MEASURED is not None
    assert as_markdown(MEASURED) in page.read_text(encoding="utf-8")
