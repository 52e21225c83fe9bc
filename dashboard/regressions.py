"""Where a benchmark became slower or larger and stayed so: asv's rules for regressions, applied to steps of `dashboard.steps`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from asv.step_detect import detect_regressions

from dashboard.history import History, Point, Series
from dashboard.steps import steps

THRESHOLD = 0.05
"""The smallest relative step that counts: asv's own default."""
CONFIRMED = 2
"""Results after a step that it needs to be believed: a single one may be a busy machine."""
LONG_ENOUGH = 8
"""Results from which on "no step" says something: with fewer a step of a fifth is missed as often as not where noise is 3 %."""
FALSE_ALARMS = 0.05
"""Probability that the page names a regression by chance, where noise is as `dashboard.steps` supposes."""


@dataclass(frozen=True)
class Regression:
    """A step upwards that the newest result still shows.

    Attributes:
        series: of which benchmark.
        before: the last commit measured before the step.
        after: the first commit measured after it.
        value_before: median between the step and the one before.
        value_after: the smallest median since the step.
        num_after: results since the step.
    """

    series: Series
    before: Point
    after: Point
    value_before: float
    value_after: float
    num_after: int

    @property
    def factor(self) -> float:
        """How many times as much it is now."""
        return self.value_after / self.value_before if self.value_before else math.inf

    @property
    def confirmed(self) -> bool:
        """Whether enough results have shown it."""
        return self.num_after >= CONFIRMED


@dataclass(frozen=True)
class Regressions:
    """What was looked for and found.

    Attributes:
        found: newest first.
        num_series: series in which a step was found, or that are long enough to say that there is none.
        num_short: all others.
    """

    found: tuple[Regression, ...]
    num_series: int
    num_short: int

    @property
    def num_slower(self) -> int:
        """Series with a step that enough results have shown."""
        return len({id(r.series) for r in self.found if r.confirmed})

    @property
    def num_possible(self) -> int:
        """Series with steps, of which no one has been shown by enough results."""
        return len({id(r.series) for r in self.found}) - self.num_slower


def find_regressions(history: History) -> Regressions:
    """Look for steps upwards in every series."""
    level = FALSE_ALARMS / max(len(history.series), 1)
    found = [r for s in history.series for r in _regressions(s, level)]
    found.sort(key=lambda r: r.after.committed, reverse=True)
    with_step = {id(r.series) for r in found}
    num_short = sum(len(s.measured) < LONG_ENOUGH and id(s) not in with_step for s in history.series)
    return Regressions(tuple(found), len(history.series) - num_short, num_short)


def _regressions(series: Series, level: float) -> list[Regression]:
    points = series.measured
    values = [p.value for p in points if p.value is not None]
    _, _, jumps = detect_regressions(steps(values, level), THRESHOLD) if values else (None, None, None)
    return [
        Regression(series, points[last], points[first], value_before, value_after, len(points) - first)
        for last, first, value_before, value_after in jumps or ()
    ]
