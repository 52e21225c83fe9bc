from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboard.history import History, Series
from dashboard.nightly import Nightly, read_nightly
from dashboard.regressions import find_regressions
from dashboard.summary import summarise
from dashboard.verdicts import Row, Verdict
from nightly.journal import Done

STEADY = (1.0, 1.001, 0.999, 1.0, 1.002, 1.0, 0.998, 1.001)
GOOD, BAD = Verdict("supported", "supported", True), Verdict("refuted", "supported", False)


def row(*verdicts: Verdict, interrupted: bool = False) -> Row:
    return Row("bowl", 2, {f"criterion {k}": v for k, v in enumerate(verdicts)}, interrupted)


@pytest.fixture
def run(nightly_folder: Callable[..., Path]) -> Nightly:
    found = read_nightly(nightly_folder())
    assert found is not None
    return found


@pytest.fixture
def judge(series: Callable[..., Series], run: Nightly) -> Callable[..., tuple[str, str]]:
    def judge(
        *values: tuple[float | None, ...], rows: tuple[Row, ...] = (row(GOOD, GOOD),), nightly: Nightly | None = run
    ) -> tuple[str, str]:
        history = History(tuple(series(*v) for v in values or (STEADY,)), {}, 0)
        found = summarise(history, find_regressions(history), nightly, rows)
        return found.tone, found.sentence

    return judge


def test_all_is_well(judge: Callable[..., Any]) -> None:
    tone, sentence = judge(STEADY, STEADY)
    assert tone == "good"
    assert sentence.startswith("All is well: all 2 verdicts of the last nightly run are as expected, and none of 2 benchmarks has")


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ({"rows": (row(GOOD, BAD), row(GOOD))}, "Needs attention: 1 of 3 verdicts is not as expected."),
        ({"rows": (row(BAD, BAD),)}, "Needs attention: 2 of 2 verdicts are not as expected."),
        ({"rows": (row(GOOD, interrupted=True),)}, "Needs attention: 1 verification was interrupted."),
        ({"values": ((*STEADY, None),)}, "Needs attention: 1 benchmark failed at the newest commit."),
        ({"values": ((1.0, 1.0, 1.0, 2.0, 2.0, 2.0),)}, "Needs attention: 1 benchmark has become slower or larger."),
        (
            {"values": ((1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0), (1.0, 1.0, 1.0, 2.0, 2.0, 2.0))},
            "Needs attention: 2 benchmarks have become slower or larger.",
        ),
    ],
)
def test_what_is_wrong_is_said(judge: Callable[..., Any], what: dict[str, Any], sentence: str) -> None:
    assert judge(*what.pop("values", ()), **what) == ("bad", sentence)


def test_failed_parts_are_named_and_skipped_ones_are_no_failure(judge: Callable[..., Any], run: Nightly) -> None:
    failed = replace(run, parts=(*run.parts, Done("zoo", "failed", 1.0, ""), Done("fuzz", "failed", 1.0, "")))
    assert judge(nightly=failed) == ("bad", "Needs attention: 2 parts of the last nightly run failed (zoo, fuzz).")


@pytest.mark.parametrize(
    ("what", "unknown"),
    [
        ({"nightly": None, "rows": ()}, "there is no nightly run"),
        ({"rows": ()}, "the last nightly run has no verdicts"),
        ({"values": ((1.0, 2.0),)}, "no benchmark has enough results yet to say whether it became slower"),
        ({"values": ((*STEADY, 2.0),)}, "1 benchmark may have become slower or larger at the newest commit"),
    ],
)
def test_what_is_not_known_is_said(judge: Callable[..., Any], what: dict[str, Any], unknown: str) -> None:
    values = what.pop("values", ())
    assert judge(*values, **what) == ("unsure", f"Nothing is known to be wrong, but not everything is known: {unknown}.")


def test_what_is_wrong_comes_before_what_is_not_known(judge: Callable[..., Any]) -> None:
    assert judge((*STEADY, None), rows=()) == (
        "bad",
        "Needs attention: 1 benchmark failed at the newest commit; the last nightly run has no verdicts.",
    )
