"""Samples here are normal, so that intervals are exact and the number that is needed is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.sequential import PILOT, Target, mean_to_target

DEVIATION = 0.3


def described(samples: Sequence[float]) -> Estimate:
    return Estimate.mean_of(samples, num_matvecs=len(samples), method="test", dtype="float64", device="cpu")


def draw(seed: int, mean: float = 1.0, deviation: float = DEVIATION) -> Callable[[Sequence[int]], list[float]]:
    stream = mean + deviation * np.random.default_rng([seed, 1]).standard_normal(20_000)
    return lambda indices: [float(stream[i]) for i in indices]


def pilot(seed: int, mean: float = 1.0, deviation: float = DEVIATION) -> list[float]:
    return [float(x) for x in mean + deviation * np.random.default_rng([seed, 0]).standard_normal(PILOT)]


def estimate(seed: int, target: Target) -> Estimate:
    return mean_to_target(draw(seed), target, pilot=pilot(seed), described=described)


def test_the_number_is_that_of_the_normal_quantile() -> None:
    samples = [1 + DEVIATION, 1 - DEVIATION] * 500
    # z at 1 − 0.04/2 is 2.0537; the sample deviation of these is DEVIATION·√(1000/999).
    expected = (2.0537 * DEVIATION / 0.01) ** 2
    assert Target(0.01, 0.95, 10**6).samples_needed(samples, 0.8) == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [([2.0, 2.0, 2.0], 10), ([0.0, 0.0], 10), ([1.0, -1.0], 500), ([1.0, math.nan], 500), ([1.0, math.inf], 500)],
    ids=["no spread", "zero", "mean zero", "nan", "inf"],
)
def test_the_number_at_the_edges(samples: list[float], expected: int) -> None:
    assert Target(0.01, 0.95, 500).samples_needed(samples) == expected


def test_the_width_is_what_was_asked_for_and_no_sample_is_drawn_twice() -> None:
    asked: list[int] = []
    source = draw(3)

    def noted(indices: Sequence[int]) -> list[float]:
        asked.extend(indices)
        return source(indices)

    # A pilot with half the spread plans a quarter of the samples that it takes, so that one look is not enough.
    found = mean_to_target(noted, Target(0.02, 0.95, 10_000), pilot=pilot(3, deviation=DEVIATION / 2), described=described)
    low, high = found.interval(0.95)
    assert (high - low) / 2 <= 0.02 * found.value
    assert found.alpha_share < 0.8
    assert asked == list(range(len(found.samples)))


def test_a_target_is_met_by_half_the_width_of_the_interval() -> None:
    found = described([1.8, 2.2] * 8)
    low, high = found.interval(0.95)
    relative = (high - low) / 2 / 2.0
    assert Target(relative * 1.001, 0.95, 100).met(found)
    assert not Target(relative * 0.999, 0.95, 100).met(found)
    assert not Target(relative * 1.001, 0.99, 100).met(found)


def test_most_end_at_the_first_look_with_few_more_samples_than_it_takes() -> None:
    target = Target(0.02, 0.95, 10_000)
    found = [estimate(seed, target) for seed in range(200)]
    # The margin of 1.25 in numbers is exceeded by a pilot's variance of relative deviation √(2/31) in about one of five.
    assert sum(e.alpha_share == 0.8 for e in found) > 130
    least = (1.96 * DEVIATION / 0.02) ** 2
    assert sum(len(e.samples) for e in found) / len(found) < 2 * least


def test_coverage_whenever_the_drawing_stops() -> None:
    # At least 95 % by a union bound over the looks. With N = 2,000 the fraction has deviation 0.49 %, so it falls below
    # 95 % − 5 · 0.49 % = 92.5 % with a probability of 3e-7 if the level is just 95 %.
    covered, shares = 0, set()
    for seed in range(2000):
        found = estimate(seed, Target(0.15, 0.95, 10_000))
        low, high = found.interval(0.95)
        covered += low <= 1.0 <= high
        shares.add(found.alpha_share)
    assert len(shares) >= 2, "stopping is not varied"
    assert covered / 2000 >= 0.925


def test_gives_up_and_shows_it_by_the_width() -> None:
    found = estimate(0, Target(0.001, 0.95, 100))
    low, high = found.interval(0.95)
    assert len(found.samples) == 100
    assert (high - low) / 2 > 0.001


@pytest.mark.parametrize("where", ["pilot", "samples"])
def test_what_is_not_finite_stops_at_once(where: str) -> None:
    first = [math.nan, 1.0] if where == "pilot" else pilot(0)
    found = mean_to_target(lambda indices: [math.nan for _ in indices], Target(0.1, 0.95, 1000), pilot=first, described=described)
    assert math.isnan(found.value)
    assert len(found.samples) < 200
