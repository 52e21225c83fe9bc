"""The answer in one sentence: is it fine?"""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.history import History
from dashboard.nightly import Nightly
from dashboard.regressions import Regressions
from dashboard.verdicts import Row, count_as_expected
from villani_verify.report.numbers import counted


@dataclass(frozen=True)
class Summary:
    """The answer.

    Attributes:
        tone: "good", "bad" where something is wrong, "unsure" where something is not known.
        sentence: what a reader needs to know, and nothing else.
    """

    tone: str
    sentence: str


def summarise(history: History, regressions: Regressions, nightly: Nightly | None, rows: tuple[Row, ...]) -> Summary:
    """Return the answer: what is wrong, or else what is not known, or else that all is well."""
    wrong = [*_wrong_at_night(nightly, rows), *_wrong_with_speed(history, regressions)]
    unknown = _unknown(regressions, nightly, rows)
    if wrong:
        return Summary("bad", f"Needs attention: {'; '.join([*wrong, *unknown])}.")
    if unknown:
        return Summary("unsure", f"Nothing is known to be wrong, but not everything is known: {'; '.join(unknown)}.")
    _, total = count_as_expected(rows)
    verdicts = f"all {total:,} verdicts of the last nightly run are as expected"
    benchmarks = counted(regressions.num_series, "benchmark")
    return Summary("good", f"All is well: {verdicts}, and none of {benchmarks} has become slower or larger.")


def _wrong_at_night(nightly: Nightly | None, rows: tuple[Row, ...]) -> list[str]:
    wrong = []
    if failed := nightly.with_status("failed") if nightly else ():
        wrong.append(f"{counted(len(failed), 'part')} of the last nightly run failed ({', '.join(p.name for p in failed)})")
    as_expected, total = count_as_expected(rows)
    if as_expected < total:
        is_are = "is" if total - as_expected == 1 else "are"
        wrong.append(f"{total - as_expected:,} of {counted(total, 'verdict')} {is_are} not as expected")
    if interrupted := sum(r.interrupted for r in rows):
        wrong.append(f"{counted(interrupted, 'verification was', 'verifications were')} interrupted")
    return wrong


def _wrong_with_speed(history: History, regressions: Regressions) -> list[str]:
    wrong = []
    if slower := regressions.num_slower:
        wrong.append(counted(slower, "benchmark has become slower or larger", "benchmarks have become slower or larger"))
    if failed := sum(s.failed for s in history.series):
        wrong.append(f"{counted(failed, 'benchmark')} failed at the newest commit")
    return wrong


def _unknown(regressions: Regressions, nightly: Nightly | None, rows: tuple[Row, ...]) -> list[str]:
    unknown = []
    if nightly is None:
        unknown.append("there is no nightly run")
    elif not rows:
        unknown.append("the last nightly run has no verdicts")
    if not regressions.num_series:
        unknown.append("no benchmark has enough results yet to say whether it became slower")
    if possible := regressions.num_possible:
        unknown.append(f"{counted(possible, 'benchmark')} may have become slower or larger at the newest commit")
    return unknown
