"""The outcome of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        name: what was looked at, in a word or two.
        status: "OK"; "NOTE" for a limit to know of; "FAIL" if results would be wrong or impossible.
        sentence: what was found, with the numbers, and the remedy where there is one.
    """

    name: str
    status: Literal["OK", "NOTE", "FAIL"]
    sentence: str

    def as_dict(self) -> dict[str, str]:
        """Return plain values."""
        return {"name": self.name, "status": self.status, "sentence": self.sentence}
