"""Each bad input or fault gives one line, the one that docs/faults.md has, and leaves nothing behind."""

from __future__ import annotations

import re

import pytest

from tests.faults.case import Case, see
from tests.faults.cases import CASES
from tests.faults.page import PAGE, alike, page, row


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{g.split()[0]}: {c.what}") for g, cases in CASES.items() for c in cases])
def test_case(case: Case) -> None:
    seen = see(case)
    assert seen.status == case.status, seen
    assert seen.lines == 1, seen
    assert seen.out == ""
    assert seen.line.startswith("villani-verify: " if case.status == 130 else "villani-verify: error: ")
    assert case.leaves or not seen.changed, seen.changed
    # What and where, then what to do: after a semicolon, in parentheses from the parser, or as a question.
    assert case.status == 130 or re.search(r"; |see `villani-verify|did you mean", seen.line), seen.line
    rows = [alike(line, case) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    assert alike(row(case, seen), case) in rows, f"python -m tests.faults.write\n{row(case, seen)}"


def test_the_page_has_these_rows_and_no_others() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| What", "| ---"))]
    cases = [c for group in CASES.values() for c in group]
    assert len(cases) >= 60
    assert [line.split(" | ")[0].removeprefix("| ") for line in rows] == [c.what for c in cases]
    assert text == page(_grouped(text))


def _grouped(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("## "):
            found[line.removeprefix("## ")] = []
        elif line.startswith("| ") and not line.startswith(("| What", "| ---")):
            found[list(found)[-1]].append(line)
    return found
