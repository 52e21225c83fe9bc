"""What became of the mutants, and whether that is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST_KILLED = 0.95


@dataclass(frozen=True)
class Mutant:
    """One change to one file.

    Attributes:
        name: the same for as long as the line is.
        file: path within the package.
        operator: cosmic-ray's name of what makes the change.
        occurrence: which of the places in the file where that operator could act.
        before: the lines that change.
        after: what they become.
        consequence: what it would do to a result; empty for a drawn one.
    """

    name: str
    file: str
    operator: str
    occurrence: int
    before: str
    after: str
    consequence: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        mutant: which.
        killed: whether a test noticed.
        by: the first test that failed, or that time ran out.
        seconds: how long that took.
    """

    mutant: Mutant
    killed: bool
    by: str
    seconds: float


def shown(mutant: Mutant) -> str:
    """Return the file and the change, indented."""
    return f"    {mutant.file}\n    − {mutant.before}\n    + {mutant.after}"


def report(outcomes: Sequence[Outcome], reasons: Mapping[str, str]) -> int:
    """Print the survivors, what is wrong with their list, and the score; return the exit status.

    Args:
        outcomes: of the mutants that were run.
        reasons: name of a mutant → why no test can kill it.

    Returns:
        0 if at least 95 % were killed, every survivor has a reason, and none that has one was killed; else 1.
    """
    survivors = [o.mutant for o in outcomes if not o.killed]
    for m in survivors:
        print(f"\n{m.name} survives\n{shown(m)}")
        print(f"    {reasons.get(m.name, 'no reason is given: write the missing test, or a reason in survivors.toml')}")
    stale = [o.mutant.name for o in outcomes if o.killed and o.mutant.name in reasons]
    for name in stale:
        print(f"\n{name} is listed as a survivor, and was killed: remove it from survivors.toml")
    killed = len(outcomes) - len(survivors)
    share = killed / len(outcomes) if outcomes else 0.0
    print(f"\n{killed} of {len(outcomes)} mutants killed: {share:.1%} (at least {LEAST_KILLED:.0%} are wanted)")
    unexplained = [m for m in survivors if m.name not in reasons]
    return 1 if share < LEAST_KILLED or unexplained or stale else 0
