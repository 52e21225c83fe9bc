"""Cheap samples here are off by a bias larger than any interval, which the differences must take away."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from villani_verify.curvature.exact import exact_laplacian
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.sequential import Target
from villani_verify.estimation.two_level import COST, TwoLevel, cheap_for_each_difference, summed_pilot
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.points import Point


class Normal:
    """An engine whose samples are normal with mean 1, deviation 0.3 and, where it rounds, a bias of 0.1 and noise of 0.01."""

    def __init__(self, rounds: bool) -> None:
        self.rounds = rounds
        self.drawn: list[tuple[int, int]] = []

    def laplacian_samples(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        self.drawn += [(seed, k) for k in indices]
        found = []
        for k in indices:
            sample, noise = np.random.default_rng([seed, k]).standard_normal(2)
            found.append(float(1 + 0.3 * sample + (0.1 + 0.01 * noise if self.rounds else 0.0)))
        return found


def two_level(m: int) -> TwoLevel:
    landscape = Landscape.from_function(lambda t: t.square().sum(), 2)
    return TwoLevel(landscape, landscape.initial, Normal(rounds=False), Normal(rounds=True), m)  # type: ignore[arg-type]


def estimate(samples: Sequence[float]) -> Estimate:
    return Estimate.mean_of(samples, num_matvecs=len(samples), method="test", dtype="float64", device="cpu")


def test_engines_must_give_as_many_samples_as_each_other() -> None:
    both = two_level(1)
    both.rounded.laplacian_samples = lambda *_, **__: [1.0]  # type: ignore[method-assign]
    assert len(both.differences(0, [5])) == 1
    with pytest.raises(ValueError, match="zip"):
        both.differences(0, [5, 6])


def test_sums_have_the_mean_of_exact_samples_and_both_variances() -> None:
    samples = two_level(8).samples(0, range(4000))
    # ± 5 standard errors: error probability 6e-7. The variance of a variance of normals is 2/(n − 1) of its square.
    deviation = (0.3**2 / 8 + 0.01**2) ** 0.5
    assert abs(statistics.fmean(samples) - 1) < 5 * deviation / 4000**0.5
    assert statistics.variance(samples) == pytest.approx(deviation**2, rel=5 * (2 / 3999) ** 0.5)


def test_samples_are_functions_of_their_address_and_independent() -> None:
    both = two_level(4)
    together = both.samples(3, range(6))
    assert together == both.samples(3, [0, 1]) + both.samples(3, [2, 3, 4, 5])
    assert len(set(together)) == 6


def test_differences_share_their_signs_and_cheap_samples_have_others() -> None:
    both = two_level(4)
    both.samples(3, range(6))
    exact, rounded = both.exact.drawn, both.rounded.drawn  # type: ignore[attr-defined]
    assert len(set(exact)) == len(exact) == 6
    assert len(set(rounded)) == len(rounded) == 24 + 6
    assert set(exact) < set(rounded)
    assert len(exact) + len(rounded) == both.evaluations * 6


def test_coverage() -> None:
    # At N = 1000 and 95 % the fraction has deviation 0.69 %; ± 5 of these.
    both = two_level(4)
    intervals = [estimate(both.samples(seed, range(12))).interval(0.95) for seed in range(1000)]
    covered = sum(low <= 1 <= high for low, high in intervals)
    assert abs(covered / 1000 - 0.95) < 0.035


@pytest.mark.parametrize(("rounding", "expected"), [(1e-9, 64), (0.02, 21), (0.2, 0), (0.0, 64)])
def test_the_ratio_follows_cost_and_variance(rounding: float, expected: int) -> None:
    signs = [1.0, -1.0] * 16
    pilot = [1 + 0.3 * s for s in signs]
    differences = [0.1 + rounding * s for s in signs[:8]]
    found = cheap_for_each_difference(pilot, differences, Target(1e-3, 0.95, 10**6))
    assert found == expected


def test_the_best_ratio() -> None:
    # σ_X/σ_D √((c + 1)/c), with n − 1 in the variances of 32 and 8 numbers.
    assert int((0.3 / 0.02) * (32 / 31 / (8 / 7)) ** 0.5 * ((COST + 1) / COST) ** 0.5) == 21


def test_few_samples_are_left_as_they_are() -> None:
    pilot = [1 + 0.3 * s for s in [1.0, -1.0] * 16]
    assert cheap_for_each_difference(pilot, [0.1] * 8, Target(0.5, 0.95, 10**6)) == 0
    assert cheap_for_each_difference([*pilot[1:], float("nan")], [0.1] * 8, Target(1e-3, 0.95, 10**6)) == 0


def test_the_pilot_spreads_like_the_sums() -> None:
    pilot = [1 + 0.3 * s for s in [1.0, -1.0] * 16]
    summed = summed_pilot(pilot, [0.1 + 0.01 * s for s in [1.0, -1.0] * 4], 9)
    assert statistics.fmean(summed) == pytest.approx(1)
    assert statistics.variance(summed) == pytest.approx(statistics.variance(pilot) / 9 + 0.01**2 * 8 / 7)


def test_rounded_products_are_biased_and_the_sums_are_not() -> None:
    """At twice the parameters the bias is ten times its own error after 400 differences."""
    landscape = LandscapeRequest(landscape="gpt2-tiny", sequences=2, sequence_length=12, dtype="float32").load()
    point = {n: 2 * t for n, t in landscape.initial.items()}
    both = TwoLevel(landscape, point, SecondOrderTaylor(), SecondOrderTaylor(torch.bfloat16), 8)
    exact = exact_laplacian(landscape, point)
    differences = estimate(both.differences(0, range(400)))
    # The bias is there, far beyond its error ...
    assert abs(differences.value) > 5 * differences.standard_error > 0
    # ... and gone: 5 standard errors have an error probability of 6e-7.
    sums = estimate(both.samples(1, range(150)))
    assert abs(sums.value - exact) < 5 * sums.standard_error
    plain = estimate(SecondOrderTaylor().laplacian_samples(landscape, point, seed=2, indices=range(150)))
    assert sums.standard_error < 0.6 * plain.standard_error
