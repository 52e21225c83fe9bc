"""Seconds a probe beside other packages, from files of `asv_bench/peers/table.py --json` or `compare.py`, one for each machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dashboard.reading import Entries, read_object
from villani_verify.report.numbers import counted

OWN = "taylor"
"""The contender that the others are held against: this package's forms by its default engine."""
UNIT = "forward pass"
"""No contender: what the others are set against."""
PEERS = ("curvlinops", "PyHessian", "hessian-eigenthings")
"""The contenders that are other packages; what else is in a file is this package's."""


@dataclass(frozen=True)
class Trace:
    """A package's fastest routine to a trace with 1 % true error.

    Attributes:
        seconds: to 1 %.
        covered: runs whose 95 % interval held the truth; None where the package gives no interval.
        runs: how many there were.
    """

    seconds: float
    covered: int | None
    runs: int


@dataclass(frozen=True)
class Contender:
    """One package, or one engine of this package.

    Attributes:
        name: as the comparison calls it.
        seconds: per probe, median; None if it failed.
        memory_bytes: peak; None if it failed.
        relative_error: of a quadratic form against float64; None where it is no form, or that was not measured.
        failure: what went wrong; None if nothing did.
        trace: its package's way to a trace; None if that was not measured, or failed.
    """

    name: str
    seconds: float | None
    memory_bytes: float | None
    relative_error: float | None
    failure: str | None
    trace: Trace | None = None

    @property
    def label(self) -> str:
        """What a reader who does not know this package calls it."""
        if self.name in (*PEERS, UNIT):
            return self.name
        return f"villani-verify, {self.name}"


@dataclass(frozen=True)
class Comparison:
    """What was measured on one machine.

    Attributes:
        machine: name of the file.
        measured: when, UTC; None in files that do not say it.
        setting: landscape, tokens, device and threads in words.
        contenders: in the order of the file.
    """

    machine: str
    measured: datetime | None
    setting: str
    contenders: tuple[Contender, ...]

    @property
    def own(self) -> Contender | None:
        """This package; None where it was not among the contenders, or failed."""
        return next((c for c in self.contenders if c.name == OWN and c.seconds), None)

    @property
    def fastest_peer(self) -> Contender | None:
        """The fastest other package; None if none was measured."""
        return min((c for c in self.contenders if c.name in PEERS and c.seconds), key=lambda c: c.seconds or 0.0, default=None)

    @property
    def has_traces(self) -> bool:
        """Say whether any package's traces were measured."""
        return any(c.trace for c in self.contenders)

    def times_as_long(self, contender: Contender) -> float | None:
        """Return how many times as long a probe of this contender takes as one of this package; None if one of them failed."""
        if self.own is None or self.own.seconds is None or contender.seconds is None:
            return None
        return contender.seconds / self.own.seconds


def read_peers(folder: Path) -> tuple[Comparison, ...]:
    """Read every comparison in a folder, by name of the file.

    Raises:
        RequestError: if a file is none.
    """
    return tuple(_comparison(path) for path in sorted(folder.glob("*.json")))


def _comparison(path: Path) -> Comparison:
    whole = read_object(path)
    about, options, table = whole.inner("about"), whole.inner("options"), whole.inner("table")
    device = about.get("device_name", str) if "device_name" in about.values else options.get("device", str)
    if options.values.get("products") == "tf32":
        device += " with TF32"
    setting = (
        f"{options.get('landscape', str)}, {options.number('sequences'):.0f} × {options.number('sequence_length'):.0f} tokens, "
        f"{device}, torch {about.get('torch', str)}, {counted(int(about.number('threads')), 'thread')}"
    )
    measured = about.time("measured") if "measured" in about.values else None
    best = whole.inner("traces").inner("best") if whole.values.get("traces") is not None else None
    contenders = []
    for name in table.values:
        trace = _trace(best.inner(name)) if best is not None and name in best.values else None
        contenders.append(_contender(name, table.inner(name), trace))
    return Comparison(path.stem, measured, setting, tuple(contenders))


def _contender(name: str, row: Entries, trace: Trace | None) -> Contender:
    if "error" in row.values:
        return Contender(name, None, None, None, row.get("error", str), trace)
    error = row.number("relative_error") if "relative_error" in row.values else None
    return Contender(name, row.number("seconds_per_probe"), row.number("peak_memory_bytes"), error, None, trace)


def _trace(row: Entries) -> Trace:
    covered = int(row.number("covered")) if row.get("gives_interval", bool) else None
    return Trace(row.number("seconds_to_one_per_cent"), covered, int(row.number("num_runs")))
