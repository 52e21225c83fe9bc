"""Where a benchmark became slower or larger and stayed so, by asv's detection of steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from asv.step_detect import detect_regressions, detect_steps

from dashboard.history import History, Point, Series

THRESHOLD = 0.05
"""The smallest relative step that counts: asv's own default."""
CONFIRMED = 2
"""Results after a step that it needs to be believed: a single one may be a busy machine."""
LONG_ENOUGH = 2 * CONFIRMED
"""Results of a series in which a step can be believed: so many on each side."""


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
        num_series: series that are long enough.
        num_short: series that are too short.
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
    """Look for steps upwards in every series that is long enough."""
    long_enough = [s for s in history.series if len(s.measured) >= LONG_ENOUGH]
    found = [r for s in long_enough for r in _regressions(s)]
    found.sort(key=lambda r: r.after.committed, reverse=True)
    return Regressions(tuple(found), len(long_enough), len(history.series) - len(long_enough))


def _regressions(series: Series) -> list[Regression]:
    points = series.measured
    _, _, jumps = detect_regressions(detect_steps([p.value for p in points]), THRESHOLD)
    return [
        Regression(series, points[last], points[first], value_before, value_after, len(points) - first)
        for last, first, value_before, value_after in jumps or ()
    ]
