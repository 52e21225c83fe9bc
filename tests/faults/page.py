"""docs/faults.md, one row a case."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.faults.case import Case, Seen

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"

_HEAD = """# What can go wrong

What a user sees of a bad input or a fault: one line on standard error, which says what is wrong, where, and what to do, and never a
traceback. The exit status is 2, or 130 after Ctrl-C. Nothing is left half-written. Each row was made by a test, which provokes it
every day; `python -m tests.faults.write` writes this page. Times, digests and versions are replaced by words in capitals.
"""


def row(case: Case, seen: Seen) -> str:
    """Return the row of a case."""
    command = shlex.join(["villani-verify", *case.arguments])
    return f"| {case.what} | {_code(command)} | {_code(seen.line.removeprefix('villani-verify: '))} |"


def page(rows: dict[str, list[str]]) -> str:
    """Return the page."""
    parts = [_HEAD]
    for group, lines in rows.items():
        parts.append(
            f"## {group}\n\n| What was done | Command | What the user sees |\n| --- | --- | --- |\n" + "\n".join(lines) + "\n"
        )
    return "\n".join(parts)


def alike(text: str, case: Case) -> str:
    """Return a row without the words of libraries and systems, which differ between their versions."""
    return re.sub(case.foreign, "…", text) if case.foreign else text


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    padded = f" {text} " if "`" in text else text
    return f"{fence}{padded}{fence}".replace("|", "\\|")
