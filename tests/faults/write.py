"""`python -m tests.faults.write`: provoke every case, and write what was seen into docs/faults.md."""

from __future__ import annotations

from tests.faults.case import see
from tests.faults.cases import CASES
from tests.faults.page import PAGE, page, row

if __name__ == "__main__":
    PAGE.write_text(page({group: [row(c, see(c)) for c in cases] for group, cases in CASES.items()}), encoding="utf-8")
