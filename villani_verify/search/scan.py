"""Scan a family for low points of s*: a fine grid in each bin of radius, then zooming.

Counterexamples can hide in intervals of radius far narrower than any grid: the gradient of an oscillating
function vanishes on a sequence of points. Zooming on the lowest grid point finds one of them without
resolving all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from villani_verify.curvature.exact import exact_scan
from villani_verify.landscape import Landscape
from villani_verify.search.families import PointOf

_ZOOMS = 8
# Each round of a section cuts an interval into 32 parts, in one vectorised pass: eight rounds are 40 bisections.
_SECTIONS = 8
_PARTS = 32
# The common level that every bin is asked to reach, relative to the median of what the first grid saw.
_LEVEL = 0.1

Score = tuple[int, float]


def log_spaced(low: float, high: float, count: int) -> list[float]:
    """Return `count` numbers from `low` to `high` in equal ratios."""
    if count == 1:
        return [low]
    return [low * (high / low) ** (i / (count - 1)) for i in range(count)]


def low_points(landscape: Landscape, points: PointOf, edges: Sequence[float], *, per_bin: int) -> list[float]:
    """Return one r in each bin where s* is as low as in the others, or as low as the scan gets.

    A first grid sees the lowest s* of each bin. A common level, a tenth of the median of these, is then sought in
    every bin by zooming. Where s* dips below it, the point returned is where it crosses the level; so a family
    whose s* touches zero in every bin gives points of one s*, not a sequence of rounding errors. Where ΔF ≤ 0, s* is
    infinite, and ‖∇F‖² orders the points.

    Args:
        landscape: small enough for exact Laplacians.
        points: r ↦ θ(r).
        edges: increasing; n + 1 edges for n bins.
        per_bin: grid points of each scan.
    """
    bins = list(pairwise(edges))
    spans = list(bins)
    best: list[tuple[Score, float]] = [((3, 0.0), low) for low, _ in spans]
    level: Score | None = None
    active = list(range(len(spans)))
    strikes = dict.fromkeys(active, 0)
    for _ in range(_ZOOMS):
        if not active:
            break
        grids = {i: [spans[i][0] + (spans[i][1] - spans[i][0]) * k / per_bin for k in range(per_bin + 1)] for i in active}
        scores = _scores(landscape, points, [r for i in active for r in grids[i]])
        for k, i in enumerate(active):
            row = scores[k * (per_bin + 1) : (k + 1) * (per_bin + 1)]
            lowest = min(range(len(row)), key=row.__getitem__)
            improved = row[lowest] < (best[i][0][0], 0.7 * best[i][0][1])
            if row[lowest] < best[i][0]:
                best[i] = (row[lowest], grids[i][lowest])
            spans[i] = (grids[i][max(lowest - 1, 0)], grids[i][min(lowest + 1, per_bin)])
            strikes[i] = 0 if improved else strikes[i] + 1
        if level is None:
            kind, value = sorted(score for score, _ in best)[len(best) // 2]
            level = (kind, _LEVEL * value)
        # Two zooms in a row without gain: this bin holds nothing lower that zooming can find.
        active = [i for i in active if best[i][0] > level and strikes[i] < 2]
    if level is None:
        return [r for _, r in best]
    below = [i for i, (score, _) in enumerate(best) if score < level]
    # Zooming may have left both ends of the span below the level too; then the ends of the whole bin are taken.
    crossings = _crossings(landscape, points, level, {i: (best[i][1], (*spans[i], *bins[i])) for i in below})
    return [crossings.get(i, r) for i, (_, r) in enumerate(best)]


def _crossings(
    landscape: Landscape, points: PointOf, level: Score, bins: dict[int, tuple[float, tuple[float, ...]]]
) -> dict[int, float]:
    """Close in, in all bins at once, on where s* crosses the level between a point below it and the first end that is above it."""
    inside = {i: r for i, (r, _) in bins.items()}
    ends = [(i, end) for i, (_, of_bin) in bins.items() for end in of_bin]
    outside: dict[int, float] = {}
    for (i, end), score in zip(ends, _scores(landscape, points, [end for _, end in ends]), strict=True):
        if score > level:
            outside.setdefault(i, end)
    for _ in range(_SECTIONS):
        cuts = {i: [inside[i] + (end - inside[i]) * k / _PARTS for k in range(1, _PARTS)] for i, end in outside.items()}
        scores = iter(_scores(landscape, points, [r for row in cuts.values() for r in row]))
        for i, row in cuts.items():
            above = [r for r, score in zip(row, scores) if score > level]  # noqa: B905  the scores of later bins follow
            first = row.index(above[0]) if above else len(row)
            inside[i], outside[i] = ([inside[i], *row][first], above[0] if above else outside[i])
    return inside


def _scores(landscape: Landscape, points: PointOf, radii: Sequence[float]) -> list[Score]:
    rows = exact_scan(landscape, [points(r) for r in radii])
    return [_score(full, laplacian + landscape.decay_laplacian) for _, _, full, laplacian in rows]


def _score(gradient_norm_squared: float, laplacian: float) -> Score:
    if not abs(gradient_norm_squared) + abs(laplacian) < float("inf"):
        return 2, 0.0
    return (0, gradient_norm_squared / laplacian) if laplacian > 0 else (1, gradient_norm_squared)
