"""The table in the documentation is one that `reproduce` wrote: every claim, as the paper has it, with what was measured."""

from __future__ import annotations

import re
from pathlib import Path

from villani_verify.reproduction.claims import CLAIMS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reproduction.md"


def test_every_claim_is_in_the_documented_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = re.search(r"<!-- table -->\n(.*?)<!-- end of table -->", text, re.DOTALL)
    assert table is not None
    lines = [line for line in table[1].splitlines() if line.startswith("|")][2:]
    # A vertical bar within a cell is written \|.
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert [row[0].partition(" (ptb)")[0] for row in rows] == [c.claim for c in CLAIMS.values()]
    assert [row[1] for row in rows] == [c.paper for c in CLAIMS.values()]
    for _, _, measured, verdict in rows:
        assert measured
        assert re.fullmatch(r"\*\*.+\*\*", verdict)
