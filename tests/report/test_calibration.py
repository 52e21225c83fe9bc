from __future__ import annotations

import copy
from typing import Any

import pytest

from villani_verify.report import render
from villani_verify.report.calibration import calibration_section


def case(coverage: float, within: str, *, asked: str = "93 to 97 %", estimator: str = "Laplacian", why: str = "") -> dict[str, Any]:
    return {
        "estimator": estimator, "what": "16 probes", "nominal": 0.95, "coverage": coverage, "within": within, "asked": asked,
        "interval": [coverage - 0.004, coverage + 0.004], "replications": 10_000, "why": why,
    }  # fmt: skip


@pytest.fixture
def measured() -> dict[str, Any]:
    return {
        "date": "2030-01-02",
        "environment": {"packages": {"villani-verify": "9.8", "torch": "7.6"}},
        "budget": "quick",
        "coverage": [
            case(0.9512, "yes"),
            case(0.9388, "yes"),
            case(0.861, "below", asked="a known limit", why="Samples are skewed."),
            case(0.9921, "above", estimator="Ψ_s", asked="at least 93 %", why="A union bound."),
        ],
        "false_refutations": {
            "verifications": 2000, "landscapes": 8, "with_false_refutation": 0, "upper_bound": 0.0015, "level": 0.95
        },
        "power": {
            "claims": 1, "verifications": 20, "refuted": 19,
            "rows": [
                {"landscape": "relu-kink", "criterion": "smoothness", "verifications": 20, "refuted": 19, "interval": [0.75, 0.999]}
            ],
        },
    }  # fmt: skip


def test_what_a_reader_learns_first(measured: dict[str, Any]) -> None:
    section = calibration_section(measured)
    assert section is not None
    assert section["when"] == "on 2030-01-02, with version 9.8 and torch 7.6"
    assert "Of 4 kinds of intervals, each tried 10,000 times" in section["coverage"]
    assert section["coverage"].endswith(
        "2 did so in 93 to 97 %, 1 more often, as they are wider than they need to be, and 1 less often, under conditions that "
        "are noted below."
    )
    assert section["false_alarms"] == (
        "In 2,000 verifications of 8 landscapes on which every criterion holds nothing was refuted: with confidence "
        "95\u00a0%, that happens in fewer than 0.15\u00a0% of them."
    )
    assert section["power"].endswith("within the quick budget: 95\u00a0% of 20 trials refuted them.")


def test_false_alarms_are_said(measured: dict[str, Any]) -> None:
    measured["false_refutations"] |= {"with_false_refutation": 3, "upper_bound": 0.0039}
    section = calibration_section(measured)
    assert section is not None
    assert (
        "something was refuted in 3: with confidence 95\u00a0%, that happens in fewer than 0.39\u00a0%" in section["false_alarms"]
    )


def test_the_tables(measured: dict[str, Any]) -> None:
    section = calibration_section(measured)
    assert section is not None
    assert section["estimators"].rows == (
        ("Laplacian", "95\u00a0%", "93.9 to 95.1 %", "86.1 %", "3", "10,000"),
        ("Ψ_s", "95\u00a0%", "99.2 %", "–", "1", "10,000"),
    )
    assert section["reasons"] == ["Samples are skewed.", "A union bound."]
    assert [row[-1] for row in section["intervals"].rows] == ["", "", "1", "2"]
    assert section["intervals"].rows[2][2:6] == ("86.1\u00a0%", "85.7 to 86.5 %", "10,000", "below")
    assert section["controls"].rows == (("relu-kink", "Smoothness", "19 of 20", "75 to 100\u00a0%"),)
    for table in (section["estimators"], section["intervals"], section["controls"]):
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_parts_that_were_not_measured_are_said_not_to_be(measured: dict[str, Any]) -> None:
    section = calibration_section(measured | {"coverage": [], "false_refutations": None, "power": None})
    assert section is not None
    assert section["coverage"] == "Coverage was not measured."
    assert "not measured" in section["false_alarms"]
    assert "not measured" in section["power"]
    assert section["controls"].rows == section["intervals"].rows == ()


def test_the_page_has_the_section_and_is_whole_without_it(make_results, measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "kept", lambda: measured)
    page = render.render_page(make_results(), [])
    assert "How far this instrument can be believed" in page
    assert "Ψ<sub>s</sub>" in page
    assert "86.1" in page
    monkeypatch.setattr(render, "kept", lambda: None)
    page = render.render_page(make_results(), [])
    assert "How far this instrument" not in page
    assert "Effort and environment" in page


def test_names_are_escaped(make_results, measured, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = copy.deepcopy(measured)
    hostile["coverage"][0]["what"] = hostile["power"]["rows"][0]["landscape"] = "<script>x</script>"
    monkeypatch.setattr(render, "kept", lambda: hostile)
    assert "<script>" not in render.render_page(make_results(), [])
