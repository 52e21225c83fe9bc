"""Zooming in on a flaw of a function of one variable, and telling it from rounding.

From a grid of Taylor expansions the intervals that match worst are halved again and again. Where g is smooth, mismatches fall
like powers of h to the rounding floor in every interval. A flaw shows in one of three ways:

* jump: δ_m of the interval that holds it stays constant while its neighbours' falls;
* blow-up: the coefficient c_m itself grows like a power of 1/h as its place is approached;
* rounding: values two steps apart differ by the same amount however short the step (`rounding_level`).

A rounding error inside of g, such as that of a sigmoid next to one, is a true jump of the computed function, in all orders at once
and by ever more roundings in higher ones. So a jump of g^{(m)} only counts where no lower order jumps with it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from villani_verify.estimation.growth import fit_growth
from villani_verify.estimation.remainder import Expansion, Mismatch, mismatch

Expand = Callable[[float], Expansion]

# A sum of n roundings is about √n of them; 1e3 leaves room for a million and some ill-conditioning.
ROUNDINGS = 1e3
# Halvings over which a jump must stay constant (2.4 decades), and a coefficient must grow (3.6 decades).
PLATEAU, GROWTH = 8, 12
# A jump must exceed what the neighbouring intervals show by this factor; rounding exceeds it with a probability below 1e-6.
GAP = 20.0
# A lower order that jumps along, by so many rounding errors, shows that rounding jumps.
ALONG = 10.0
# Smooth functions have an excess of a third at most.
EXCESS = 0.4
# At 0.1 % a chain that settles is never taken for one that grows; 0.04 tells |t|^2.9 from a constant.
STEEP = -0.04
# Levels on which every order must be at rounding level before the zoom stops early.
SETTLED = 4


@dataclass(frozen=True)
class Interval:
    """Two expansions and how they differ.

    Attributes:
        left: at a.
        right: at b.
        mismatch: δ_0 … δ_k.
        floor: size of a single rounding error in each δ_i.
    """

    left: Expansion
    right: Expansion
    mismatch: Mismatch
    floor: tuple[float, ...]

    @property
    def length(self) -> float:
        """The distance h of the ends."""
        return self.right.at - self.left.at

    @property
    def unresolved(self) -> float:
        """The ratio of h to the distance of the nearest singularity, roughly.

        It is the largest (relative δ_i)^{1/(k+1−i)}, i < k, above rounding.
        """
        k = len(self.floor) - 1
        found = self.mismatch
        return max(
            found.relative[i] ** (1 / (k + 1 - i)) if found.size[i] > ROUNDINGS * self.floor[i] else 0.0 for i in range(max(k, 1))
        )

    @property
    def excess(self) -> float:
        """How far low orders mismatch beyond what the two highest explain: finds small jumps under large smooth parts.

        Where g is smooth, δ_i is about |c_{k+1}| binom(k + 1, i) h^{k+1−i}, a third at most of binom(k, i) h^{k−i} δ_k.
        """
        size, h, k = self.mismatch.size, self.length, len(self.floor) - 1
        ratios = []
        for i in range(self._falling):
            explained = max((math.comb(j, i) * h ** (j - i) * size[j] for j in range(self._falling, k + 1)), default=0.0)
            ratios.append(size[i] / (explained + ROUNDINGS * self.floor[i]))
        return max(ratios)

    @property
    def roundings(self) -> float:
        """The largest δ_i in rounding errors, of the same orders."""
        pairs = zip(self.mismatch.size[: self._falling], self.floor, strict=False)
        return max(d / f for d, f in pairs)

    @property
    def _falling(self) -> int:
        # The two highest mismatches fall only like h and h²: waiting for them would double the work.
        return max(len(self.floor) - 2, 1)


@dataclass(frozen=True)
class Level:
    """One step of a zoom: the interval that was kept, and the other half of the interval it came from."""

    kept: Interval
    sibling: Interval | None


@dataclass(frozen=True)
class Chain:
    """A zoom from the grid down to one short interval.

    Attributes:
        levels: from long intervals to short, each half of the one before.
        settled: whether it ended because every mismatch had fallen to rounding level.
    """

    levels: tuple[Level, ...]
    settled: bool


@dataclass(frozen=True)
class Flaw:
    """What is wrong with g, and where.

    Attributes:
        kind: "jump" or "blow-up".
        order: m, the lowest derivative that is broken.
        left: `a`.
        right: b; the flaw lies in [a, b].
        size: the jump of g^{(m)}, or its largest value seen.
        exponent: 0 for a jump; p if g^{(m)} grows like |t − t*|^{−p}.
    """

    kind: str
    order: int
    left: float
    right: float
    size: float
    exponent: float


@dataclass(frozen=True)
class Frame:
    """What rounding is measured against.

    Attributes:
        magnitude: G, the size of g on the segment.
        feature: ρ, the length on which g typically changes by G.
        reach: R, the size of the points θ + t v.
        eps: rounding unit.
    """

    magnitude: float
    feature: float
    reach: float
    eps: float

    @classmethod
    def of(cls, grid: Sequence[Expansion], *, reach: float, eps: float) -> Frame:
        """Take the magnitude and the median feature length, at most `reach`, from a grid of expansions."""
        magnitude = max((abs(e.coefficients[0]) for e in grid), default=0.0)
        return cls(magnitude, min(reach, median([e.feature(magnitude) for e in grid] or [math.inf])), reach, eps)

    def interval(self, left: Expansion, right: Expansion) -> Interval:
        """Compare two expansions."""
        found = mismatch(left, right, magnitude=self.magnitude, feature=self.feature)
        # Below the smallest normal number every difference is rounding.
        floor = tuple(max(f, sys.float_info.min) for f in found.rounding(reach=self.reach, eps=self.eps))
        return Interval(left, right, found, floor)


def zoom(
    expand: Expand, intervals: Sequence[Interval], frame: Frame, *, halvings: int = 32, settled: int = SETTLED
) -> tuple[Chain, ...]:
    """Halve the worst intervals until all is rounding, or `halvings` times.

    Two are kept at each level: the one that is resolved worst, and the one of largest excess where that is more than smooth
    functions have.

    Args:
        expand: t ↦ Taylor expansion.
        intervals: where to begin; all of one length.
        frame: for the rounding floors.
        halvings: at most so many levels.
        settled: levels in a row that show nothing but rounding, after which it stops.

    Returns:
        A chain for each interval kept to the end.
    """
    beam: list[tuple[Level, ...]] = [(Level(interval, None),) for interval in intervals]
    quiet = 0
    for depth in range(halvings + 1):
        # Long intervals tell little, so at first more of them are kept.
        beam = _worst(beam, len(intervals) >> (depth + 3))
        quiet = quiet + 1 if all(path[-1].kept.roundings <= ROUNDINGS for path in beam) else 0
        if quiet >= settled or depth == halvings:
            break
        halves = [longer for path in beam for longer in _halved(expand, path, frame)]
        if not halves:
            break
        beam = halves
    return tuple(Chain(path, settled=quiet >= settled) for path in beam)


def _worst(beam: Sequence[tuple[Level, ...]], more: int) -> list[tuple[Level, ...]]:
    by_excess = sorted(beam, key=lambda path: path[-1].kept.excess, reverse=True)[: max(1, 2 * more)]
    if not more:
        by_excess = [path for path in by_excess if path[-1].kept.excess > EXCESS]
    unresolved = sorted(beam, key=lambda path: path[-1].kept.unresolved, reverse=True)[: max(1, more)]
    return by_excess + [path for path in unresolved if path not in by_excess]


def find_flaw(chain: Chain) -> Flaw | None:
    """Return the flaw that a zoom has isolated, if any."""
    if chain.settled or len(chain.levels) <= GROWTH:
        return None
    return _jump(chain.levels[-PLATEAU:]) or _blow_up(chain.levels[-GROWTH:])


def looks_smooth(chain: Chain) -> bool:
    """Say whether every mismatch has fallen to rounding level, or is on its way there, or is rounding itself.

    A mismatch that has not fallen may be rounding larger than was reckoned with: then it does not depend on h, and the other
    halves show as much, or lower orders jump along.
    """
    if chain.settled or not chain.levels:
        return True
    last = chain.levels[-GROWTH:]
    final = last[-1].kept
    for i in range(len(final.mismatch.size) - 2):
        if final.mismatch.size[i] <= ROUNDINGS * final.floor[i]:
            continue
        fit = fit_growth([[(level.kept.length, level.kept.mismatch.size[i]) for level in last]])
        if fit is None:
            return False
        low, high = fit.interval(0.99)
        beside = max((level.sibling.mismatch.size[i] for level in last if level.sibling is not None), default=0.0)
        constant = low < 0.1 and high > STEEP
        rounding = constant and (final.mismatch.size[i] <= GAP * beside or _rounding_jumps(last[-PLATEAU:], i))
        if not rounding and low < 1.5:
            return False
    return True


def rounding_level(value: Callable[[float], float], at: Sequence[Expansion], frame: Frame) -> float | None:
    """Return the relative rounding of g's values where it is far above eps, or None.

    Next to each point, at steps so short that the Taylor remainder is below eps, the value is compared with the expansion. A
    difference that does not shrink with the step is rounding. It is set against |g| + |g'|·reach, the size of one rounding
    of the value and of the position.

    Args:
        value: t ↦ g(t).
        at: expansions at a few places.
        frame: for the sizes.
    """
    ratios: list[list[float]] = []
    for start in at:
        k = len(start.coefficients) - 1
        size = abs(start.coefficients[0]) + (abs(start.coefficients[1]) * frame.reach if k else 0.0)
        if not size:
            continue
        step = min(start.feature(max(frame.magnitude, size)) * 0.5 * 10 ** (-16 / (k + 1)), 1e-2 * frame.reach)
        row = []
        for factor in (1.0, 1 / 4, 1 / 16, 1 / 64):
            t = start.at + step * factor
            row.append(abs(value(t) - start.value_at(t, k)) / size)
        ratios.append(row)
    if not ratios:
        return None
    columns = [median(column) for column in zip(*ratios, strict=True)]
    level = median(columns)
    # A kink in the value's slope would shrink by 64 from the first step to the last.
    same = columns[0] <= 16 * max(columns[-1], columns[-2])
    return level if same and level > 1e5 * frame.eps else None


def _halved(expand: Expand, path: tuple[Level, ...], frame: Frame) -> list[tuple[Level, ...]]:
    interval = path[-1].kept
    middle = expand(interval.left.at + 0.5 * interval.length)
    if not middle.finite:
        return []
    first, second = frame.interval(interval.left, middle), frame.interval(middle, interval.right)
    return [(*path, Level(first, second)), (*path, Level(second, first))]


def _jump(levels: Sequence[Level]) -> Flaw | None:
    final = levels[-1].kept
    for m in range(len(final.floor)):
        sizes = [level.kept.mismatch.size[m] for level in levels]
        beside = median(level.sibling.mismatch.size[m] for level in levels if level.sibling is not None)
        steady = max(sizes) <= 1.5 * min(sizes)
        clear = min(sizes) > 10 * ROUNDINGS * final.floor[m] and min(sizes) > GAP * beside
        if steady and clear and not _rounding_jumps(levels, m):
            return Flaw("jump", m, final.left.at, final.right.at, sizes[-1] * math.factorial(m), 0.0)
    return None


def _rounding_jumps(levels: Sequence[Level], order: int) -> bool:
    """Say whether a lower order jumps along with this one, by rounding errors: then the jump is one inside of g.

    Where g^{(m)} is the first derivative to jump, δ_i falls like binom(m, i) h^{m−i} δ_m for i < m, down to rounding that differs
    from interval to interval.
    """
    final = levels[-1].kept
    for i in range(order):
        sizes = [level.kept.mismatch.size[i] for level in levels]
        explained = math.comb(order, i) * final.length ** (order - i) * final.mismatch.size[order]
        small = ALONG * final.floor[i] < min(sizes) <= 10 * ROUNDINGS * final.floor[i]
        if small and max(sizes) < 1.5 * min(sizes) and min(sizes) > GAP * explained:
            return True
    return False


def _blow_up(levels: Sequence[Level]) -> Flaw | None:
    final = levels[-1].kept
    for m in range(len(final.floor)):
        ends = [sorted((abs(level.kept.left.coefficients[m]), abs(level.kept.right.coefficients[m]))) for level in levels]
        # The farther end, with the smaller coefficient, keeps its distance in proportion; but one side may be zero.
        side = 0 if all(smaller for smaller, _ in ends) else 1
        pairs = [(level.kept.length, end[side]) for level, end in zip(levels, ends, strict=True)]
        fit = fit_growth([pairs])
        if fit is not None and all(0 < y < math.inf for _, y in pairs) and fit.interval(0.999)[1] < STEEP:
            return Flaw("blow-up", m, final.left.at, final.right.at, ends[-1][1] * math.factorial(m), -fit.exponent)
    return None
