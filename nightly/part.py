"""One part of the nightly: commands that run one after the other, and the line that sums them up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Command = Sequence[str]
"""Arguments; `{out}` stands for the folder of the run, `{machine}` for the machine's name."""


def last_line(folder: Path, log: str) -> str:
    """Return the last line that the part printed: what most programs end with is their summary."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1].strip("= ") if lines else "printed nothing"


@dataclass(frozen=True)
class Part:
    """A part, which passes if all its commands exit with 0.

    Attributes:
        name: of the part, its log and its line.
        about: one sentence on what it shows.
        commands: run from the root of the checkout; the first that fails ends the part.
        minutes: after so many it is stopped, and has failed.
        summary: (folder of the run, everything printed) ↦ one line.
        environment: variables that are set for it.
        replaces: folders of the run that its programs want to find empty; removed before it runs.
    """

    name: str
    about: str
    commands: Sequence[Command]
    minutes: float
    summary: Callable[[Path, str], str] = last_line
    environment: tuple[tuple[str, str], ...] = ()
    replaces: tuple[str, ...] = ()
