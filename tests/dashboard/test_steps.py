from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from dashboard.steps import _largest, steps

PAGE = 0.05 / 6
"""The level of each of six series."""


def cut(values: list[float] | NDArray[np.float64], level: float = PAGE) -> list[int]:
    """Return where new levels begin."""
    return [first for first, *_ in steps(list(values), level)][1:]


def noise(random: np.random.Generator, size: int, deviation: float, correlation: float = 0.0) -> NDArray[np.float64]:
    """Return logarithms of results with noise of that relative standard deviation, each correlated with the one before."""
    x = random.standard_normal(size)
    for i in range(1, size):
        x[i] = correlation * x[i - 1] + math.sqrt(1 - correlation**2) * x[i]
    return deviation * x


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0], []),
        ([1.0, 2.0, 2.0], []),
        ([1.0] * 12, []),
        ([0.0] * 12, []),
        ([1.0, 1.0, 2.0, 2.0], [2]),
        ([2.0, 2.0, 2.0, 1.0, 1.0], [3]),
        ([0.0, 0.0, 0.0, 1e-9, 1e-9], [3]),
        ([1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0], [3, 6]),
        ([1.0] * 6 + [1.5] * 4 + [1.0] * 6, [6, 10]),
        ([1.0] * 9 + [1.1] * 7 + [1.3] * 5 + [1.0] * 9, [9, 16, 21]),
        ([1e-300, 1e-300, 1e-300, 1e300, 1e300, 1e300], [3]),
    ],
)  # fmt: skip
def test_levels_without_noise_are_told_apart(values: list[float], expected: list[int]) -> None:
    assert cut(values) == expected


def test_a_part_has_its_median_its_least_and_its_spread() -> None:
    assert steps([1.0, 1.0, 1.1, 2.0, 2.2, 2.0], 0.05) == [
        (0, 3, 1.0, 1.0, pytest.approx(0.1 / 3)), (3, 6, 2.0, 2.0, pytest.approx(0.2 / 3)),
    ]  # fmt: skip


@pytest.mark.parametrize(("size", "correlation", "times"), [(5, 0.0, 1), (9, 0.0, 1), (40, 0.0, 1), (9, 0.5, 4), (40, 0.5, 6)])
def test_one_level_is_cut_as_seldom_as_is_said(size: int, correlation: float, times: int) -> None:
    """At a level of 5 %, so that 400 series can tell; errors of this test, five together: 1e-4 at most."""
    random = np.random.default_rng(size)
    level, num_series = 0.05, 400
    wrong = sum(bool(cut(np.exp(noise(random, size, 0.03, correlation)), level)) for _ in range(num_series))
    assert wrong <= binom.isf(2e-5, num_series, times * level)


@pytest.mark.parametrize("size", [4, 5, 9, 30])
def test_the_statistic_against_the_formula_written_out(size: int) -> None:
    x = 3.0 + noise(np.random.default_rng(size), size, 0.1, 0.6)
    found = {}
    for k in range(1, size):
        first, second = x[:k], x[k:]
        residuals = [*(first - first.mean()), *(second - second.mean())]
        squares = sum(e * e for e in residuals)
        t = abs(first.mean() - second.mean()) / math.sqrt(squares / (size - 2) * (1 / k + 1 / (size - k)))
        r = sum(a * b for a, b in itertools.pairwise(residuals)) / squares
        r = max(r + (1 + 3 * r) / size, 0.0)
        found[k] = t, t * math.sqrt((1 - r) / (1 + r))
    best = max(found, key=lambda k: found[k][0])
    assert _largest(x) == (best, pytest.approx(found[best][1], rel=1e-9))


@pytest.mark.parametrize(
    ("before", "after", "factor", "deviation", "least"), [(5, 4, 1.3, 0.03, 0.9), (5, 4, 1.2, 0.03, 0.7), (60, 5, 1.2, 0.05, 0.7)]
)
def test_steps_in_noise_are_found_where_they_are(before: int, after: int, factor: float, deviation: float, least: float) -> None:
    random = np.random.default_rng(before + after)
    level = np.where(np.arange(before + after) < before, 1.0, factor)
    found = [cut(level * np.exp(noise(random, before + after, deviation))) == [before] for _ in range(200)]
    assert np.mean(found) >= least


def test_a_busy_night_neither_hides_a_step_nor_is_one() -> None:
    random = np.random.default_rng(0)
    values = np.exp(noise(random, 30, 0.01)) * np.where(np.arange(30) < 20, 1.0, 1.1)
    values[[7, 25]] *= 2.0
    assert cut(values) == [20]
