"""Dates, devices and changes as a person says them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from dashboard.regressions import THRESHOLD
from dashboard.speed import SPAN, Speed
from villani_verify.criteria import CRITERION_NAMES
from villani_verify.report.numbers import show

DEVICES = {"cpu": "CPU", "cuda": "GPU"}
"""Name of a device in the benchmarks → what a person calls it."""
CRITERIA = dict(zip(CRITERION_NAMES, ("smooth", "growth", "tails", "rays", "uniform"), strict=True))
"""Criterion → a heading for a narrow column."""
_UNCHANGED = 0.01
"""Smaller changes than this are not worth a word."""


def day(instant: datetime) -> str:
    """Return such as "5 November 2026"."""
    return f"{instant.day} {instant:%B %Y}"


def minute(instant: datetime) -> str:
    """Return such as "5 Nov 2026, 04:10 UTC"."""
    return f"{instant.day} {instant:%b %Y, %H:%M} UTC"


def change(ratio: float) -> str:
    """Return a change of speed in words, such as "7 % faster than" or "2.5 times as fast as"."""
    if abs(ratio - 1) < _UNCHANGED:
        return "as fast as"
    if ratio >= 2:
        return f"{show(ratio, 2)} times as fast as"
    return f"{abs(ratio - 1):.0%} {'faster' if ratio > 1 else 'slower'} than".replace("%", "\u00a0%")


def tone(ratio: float) -> str:
    """Return "good", "bad" or "even" for a change of speed: as many per cent count as make a regression."""
    if ratio <= 1 - THRESHOLD:
        return "bad"
    return "good" if ratio >= 1 + THRESHOLD else "even"


def compared_with(speed: Speed, now: datetime) -> str:
    """Say what the speed of now is compared with."""
    assert speed.before is not None
    if speed.before.committed <= now - SPAN:
        days = (now - speed.before.committed) // timedelta(days=1)
        return f"{days} days ago"
    return "at the first result"


def duration(seconds: float) -> str:
    """Return such as "45 s", "12 min" or "3.5 h"."""
    if seconds < 120:
        return f"{show(seconds, 2) if seconds < 10 else round(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def machine(about: Mapping[str, str]) -> str:
    """Say what asv knows about a machine, such as "Intel Core i5, 4 processors, 16 GiB"; empty where it knows nothing."""
    processors, memory = about.get("num_cpu", ""), about.get("ram", "")
    if memory.isdigit():
        memory = f"{int(memory) / 2**30:.0f} GiB"  # as asv finds it out, in bytes; a person may have written anything
    parts = (about.get("cpu", ""), f"{processors} processors" if processors else "", memory)
    return ", ".join(p for p in parts if p)


def value(number: float, unit: str) -> str:
    """Return the value of a benchmark with a unit that fits its size."""
    if unit == "seconds":
        return f"{show(number, 3)} s" if number >= 1 else f"{show(1000 * number, 3)} ms"
    if unit == "bytes":
        return f"{show(number / 1e6, 3)} MB" if number < 1e9 else f"{show(number / 1e9, 3)} GB"
    return f"{show(number, 3)} {unit}".strip()
