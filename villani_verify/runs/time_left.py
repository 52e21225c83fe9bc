"""How long a campaign still takes, said as a range that is meant to hold, or not at all.

Units of one group are taken for a sample of that group; before a group has five, its relative scatter is that of all groups. What
is left then takes Σ_g n_g m_g of the workers' time, with the error of the means m_g and the scatter of what is left, as a Student t
with the degrees of freedom of Welch (1947). How much of their time workers spend on units is measured as well, and units that are
being computed may have just begun or be as good as done. The last unit may begin when all others end, which adds at most its own
length (Graham 1966). Ranges hold in at least 90 % of the looks where units of a group scatter by up to a third of their mean; with
a scatter as large as the mean and several workers less often, as the short ones are finished first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from villani_verify.estimation.student_t import student_t_quantile

_FEWEST = 5  # finished units from which a group speaks for itself
_TAIL = 0.05


def first_of_each(labels: Mapping[int, str]) -> list[int]:
    """Return the numbers of units in an order in which the first few of every group come first, so that all are soon known.

    Args:
        labels: number → group, in the order that is kept otherwise.
    """
    seen: Counter[str] = Counter()
    turns: dict[int, int] = {}
    for number, label in labels.items():
        turns[number] = min(seen[label], _FEWEST)
        seen[label] += 1
    return sorted(labels, key=turns.__getitem__)


@dataclass
class _Group:
    left: int = 0
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, seconds: float) -> None:
        """Add a finished unit (Welford 1962)."""
        self.left -= 1
        self.count += 1
        step = seconds - self.mean
        self.mean += step / self.count
        self.squares += step * (seconds - self.mean)

    @property
    def variance(self) -> float:
        return self.squares / (self.count - 1) if self.count > 1 else math.inf


@dataclass
class TimeLeft:
    """Keeps what finished units took.

    Attributes:
        groups: name → units that are left.
    """

    groups: Mapping[str, int]
    _groups: dict[str, _Group] = field(init=False)
    _done: _Group = field(init=False, default_factory=_Group)

    def __post_init__(self) -> None:
        self._groups = {name: _Group(left) for name, left in self.groups.items()}

    def finished(self, group: str, seconds: float) -> None:
        """Note a unit that was computed."""
        self._groups[group].add(seconds)
        self._done.add(seconds)

    def dropped(self, group: str) -> None:
        """Note a unit that will not be computed."""
        self._groups[group].left -= 1

    @property
    def mean_seconds(self) -> float | None:
        """What a unit took, in the mean over those that are finished; None while there is none."""
        return self._done.mean if self._done.count else None

    def range(self, elapsed: float, workers: int) -> tuple[float, float] | None:
        """Return the least and the most seconds that are left, or None while too little is known.

        Args:
            elapsed: seconds since the first unit began.
            workers: how many compute at the same time.
        """
        left = [group for group in self._groups.values() if group.left > 0]
        relative, degrees = self._relative_variance()
        if not left:
            return 0.0, 0.0
        if self._done.mean <= 0 or any(group.count == 0 for group in left):
            return None
        total = variance = weights = longest = 0.0
        for group in left:
            own = group.count >= _FEWEST
            if not own and degrees < _FEWEST - 1:
                return None
            scatter = group.variance if own else relative * group.mean**2
            # The error of the mean moves all that are left together; each scatters on its own as well.
            error = (group.left**2 / group.count + group.left) * scatter
            total += group.left * group.mean
            variance += error
            weights += error**2 / (group.count - 1 if own else degrees)
            longest = max(longest, group.mean + math.sqrt(scatter))
        half = student_t_quantile(1 - _TAIL, variance**2 / weights) * math.sqrt(variance) if weights > 0 else 0.0
        # Units that are being computed count as left: they may have just begun, or be as good as done.
        hidden = min(workers, sum(group.left for group in left)) * longest
        done = self._done.mean * self._done.count
        # Seconds of the clock for a second of work: 1/workers, or more where workers wait.
        slow = max(elapsed / done, 1 / workers)
        fast = max(elapsed / (done + workers * longest), 1 / workers)
        return max(0.0, total - half - hidden) * fast, (total + half) * slow + longest * (1 - 1 / workers)

    def _relative_variance(self) -> tuple[float, int]:
        """Return the square of the relative scatter in a group, over all groups, and its degrees of freedom."""
        known = [group for group in self._groups.values() if group.count > 1 and group.mean > 0]
        degrees = sum(group.count - 1 for group in known)
        return (math.fsum(group.squares / group.mean**2 for group in known) / degrees if degrees else math.inf), degrees


def in_words(left: tuple[float, float] | None) -> str:
    """Return how long the work still takes, as a person says it."""
    if left is None:
        return "time left not known yet"
    return f"{span_in_words(*left)} left"


def span_in_words(least: float, most: float) -> str:
    """Return a range of seconds as a person says it, such as "3 min to 8 min"."""
    low, high = _rounded(least), _rounded(most)
    return low if low == high else f"{low} to {high}"


def _rounded(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
