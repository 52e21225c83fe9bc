from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from villani_verify.estimation.growth import fit_growth, fit_noisy_growth

RADII = (1.0, 2.0, 5.0, 13.0, 40.0)


@pytest.mark.parametrize("exponent", [-2.0, 0.0, 1.0, 2.0, 4.0, 8.0])
def test_an_exact_power_is_recovered(exponent: float) -> None:
    fit = fit_growth([[(r, 3.5 * r**exponent) for r in RADII]])
    assert fit is not None
    assert fit.exponent == pytest.approx(exponent, abs=1e-12)
    assert fit.coefficient == pytest.approx(3.5, rel=1e-12)
    assert fit.standard_error < 1e-12
    assert fit.degrees_of_freedom == 3
    assert fit.interval() == pytest.approx((exponent, exponent), abs=1e-11)


def test_several_rays_share_the_exponent_and_keep_their_coefficients() -> None:
    # Neither the same radii nor the same number of points: a fit with one coefficient for all would be off.
    rays = [[(r, c * r**2) for r in radii] for c, radii in ((0.01, RADII), (100.0, RADII[:2]), (1.0, RADII[2:]))]
    fit = fit_growth(rays)
    assert fit is not None
    assert fit.exponent == pytest.approx(2.0, abs=1e-12)
    assert fit.degrees_of_freedom == 10 - 3 - 1
    assert fit.coefficient == pytest.approx(1.0, rel=1e-12)


def test_the_coefficient_of_an_even_number_of_rays_is_the_middle_in_logarithms() -> None:
    fit = fit_growth([[(r, c * r**2) for r in RADII] for c in (1.0, 100.0)])
    assert fit is not None
    assert fit.coefficient == pytest.approx(10.0, rel=1e-12)


def test_one_ray_is_ordinary_regression() -> None:
    noise = np.random.default_rng(0).normal(size=len(RADII))
    y = [2.0 * r**1.5 * math.exp(e) for r, e in zip(RADII, noise, strict=True)]
    fit = fit_growth([list(zip(RADII, y, strict=True))])
    expected = stats.linregress(np.log(RADII), np.log(y))
    assert fit is not None
    assert fit.exponent == pytest.approx(expected.slope, rel=1e-12)
    assert fit.standard_error == pytest.approx(expected.stderr, rel=1e-12)
    assert fit.coefficient == pytest.approx(math.exp(expected.intercept), rel=1e-12)
    half = stats.t.ppf(0.995, 3) * expected.stderr
    assert fit.interval(0.99) == pytest.approx((expected.slope - half, expected.slope + half), rel=1e-9)


def test_several_rays_are_least_squares_with_indicator_columns() -> None:
    generator = np.random.default_rng(1)
    rays = [
        [(r, float(c * r**2 * np.exp(generator.normal()))) for r in radii]
        for c, radii in ((1, RADII), (7, RADII[1:]), (0.1, RADII))
    ]
    rows = [([math.log(r)] + [float(i == k) for k in range(3)], math.log(y)) for i, ray in enumerate(rays) for r, y in ray]
    design, target = np.array([a for a, _ in rows]), np.array([b for _, b in rows])
    solution, residual, *_ = np.linalg.lstsq(design, target, rcond=None)
    freedom = len(rows) - 4
    error = math.sqrt(float(residual[0]) / freedom * np.linalg.inv(design.T @ design)[0, 0])
    fit = fit_growth(rays)
    assert fit is not None
    assert fit.exponent == pytest.approx(solution[0], rel=1e-10)
    assert fit.standard_error == pytest.approx(error, rel=1e-10)
    assert fit.degrees_of_freedom == freedom


def test_coverage_under_log_normal_scatter() -> None:
    # The model holds exactly, so the interval covers with probability 95 %. With N = 3,000 replications the fraction has
    # standard deviation 0.40 %: it leaves 93 … 97 % (5 deviations) with probability 6e-7.
    generator = np.random.default_rng(7)
    replications, covered = 3000, 0
    for noise in generator.normal(scale=0.5, size=(replications, 3, len(RADII))):
        rays = [
            [(r, c * r**2 * math.exp(e)) for r, e in zip(RADII, row, strict=True)]
            for c, row in zip((0.1, 1.0, 9.0), noise, strict=True)
        ]
        fit = fit_growth(rays)
        assert fit is not None
        low, high = fit.interval(0.95)
        covered += low <= 2.0 <= high
    assert 0.93 <= covered / replications <= 0.97, f"{covered} of {replications}"


@pytest.mark.parametrize(
    "rays",
    [
        [],
        [[]],
        [[(1.0, 1.0), (2.0, 4.0)]],
        [[(1.0, 1.0), (2.0, -4.0), (3.0, 9.0)]],
        [[(1.0, 1.0), (2.0, math.inf), (3.0, 9.0)]],
        [[(1.0, 1.0), (2.0, math.nan), (3.0, 0.0)]],
        [[(1.0, 1.0)], [(2.0, 4.0)], [(3.0, 9.0)]],
        [[(1.0, 1.0), (2.0, 4.0)], [(3.0, 9.0)]],
    ],
)
def test_too_little_to_fit(rays: list[list[tuple[float, float]]]) -> None:
    assert fit_growth(rays) is None


def test_points_that_are_not_positive_and_finite_are_left_out() -> None:
    good = [(r, 2 * r**3) for r in RADII]
    overflowed = 2.0 * math.exp(709.5) * math.exp(709.5)  # not the object math.inf
    bad = [(98.0, overflowed), (99.0, math.inf), (100.0, math.nan)]
    assert fit_growth([[(0.5, -1.0), *good, *bad]]) == fit_growth([good])


@pytest.mark.parametrize("count", [3, 7, 10, 49])
def test_radii_that_all_agree_fit_nothing(count: int) -> None:
    # Of several radii too, as the mean of n equal logarithms may differ from them in the last digit.
    for radius in (1.0, 3.3, 97.1, 650.7):
        assert fit_growth([[(radius, 1.0 + k) for k in range(count)]]) is None
    assert fit_growth([[(3.3, 1.0 + k) for k in range(count)], [(97.1, 2.0), (97.1, 1.0)]]) is None


def test_the_coefficient_does_not_overflow() -> None:
    fit = fit_growth([[(1e-3, 1e300), (1e-2, 1e290), (1e-1, 1e280)]])
    assert fit is not None
    assert fit.exponent == pytest.approx(-10)
    steep = fit_growth([[(10.0, 1e300), (20.0, 1e200), (40.0, 1e100)]])
    assert steep is not None
    assert math.isfinite(steep.coefficient)


def probes(generator: np.random.Generator, means: list[float], n: int, spread: list[float], *, shared: bool) -> list[list[float]]:
    """Samples whose means estimate `means`, of the same errors times `spread` at every point or of errors of each point's own."""
    common = generator.normal(size=n)
    return [
        [m * (1 + s * float(z)) for z in (common if shared else generator.normal(size=n))]
        for m, s in zip(means, spread, strict=True)
    ]


def ray_of(samples: list[list[float]]) -> list[tuple[float, float, list[float]]]:
    """Radius, mean and influences on its logarithm."""
    return [
        (r, float(np.mean(x)), [(v - float(np.mean(x))) / float(np.mean(x)) for v in x])
        for r, x in zip(RADII, samples, strict=True)
    ]


def slope(logs: np.ndarray) -> float:
    return float(stats.linregress(np.log(RADII), logs).slope)


def test_errors_that_radii_share_are_in_the_interval() -> None:
    # The error grows along the ray without any scatter about the line: residuals alone would show next to nothing.
    generator = np.random.default_rng(5)
    growing = [0.05 * math.log(r) for r in RADII]
    samples = probes(generator, [r**2 for r in RADII], 16, growing, shared=True)
    fit = fit_noisy_growth([ray_of(samples)])
    plain = fit_growth([[(r, y) for r, y, _ in ray_of(samples)]])
    assert fit is not None
    assert plain is not None
    assert fit.exponent == plain.exponent
    # The delete-one jackknife, which this is to first order.
    left_out = [slope(np.log([np.mean(np.delete(x, k)) for x in samples])) for k in range(16)]
    jackknife = math.sqrt(15 * float(np.var(left_out)))
    assert fit.standard_error == pytest.approx(jackknife, rel=0.05)
    assert fit.standard_error > 5 * plain.standard_error


def test_errors_of_each_radius_s_own_count_once() -> None:
    # Residuals hold the probes' errors already; the two parts together are to be the variance, not twice that.
    generator = np.random.default_rng(6)
    fits = [
        fit_noisy_growth([ray_of(probes(generator, [r**2 for r in RADII], 16, [0.1] * 5, shared=False)) for _ in range(3)])
        for _ in range(400)
    ]
    found = np.array([f.exponent for f in fits if f is not None])
    stated = np.mean([f.standard_error**2 for f in fits if f is not None])
    # The variance of 400 exponents is known to 7 % (one deviation); the part that is cut at 0 makes the stated one larger.
    assert 0.8 < stated / np.var(found) < 1.6


def test_errors_that_are_the_same_fraction_everywhere_fall_out() -> None:
    samples = probes(np.random.default_rng(7), [r**2 for r in RADII], 16, [0.3] * 5, shared=True)
    fit = fit_noisy_growth([ray_of(samples)])
    assert fit is not None
    assert fit.exponent == pytest.approx(2, abs=1e-12)
    assert fit.standard_error < 1e-12


def test_without_influences_it_is_the_plain_fit() -> None:
    rays = [[(r, r**2 + 1) for r in RADII], [(r, 3 * r**2) for r in RADII]]
    assert fit_noisy_growth([[(r, y, ()) for r, y in ray] for ray in rays]) == fit_growth(rays)


def test_variances_of_several_rays_and_of_the_scatter_add_up() -> None:
    generator = np.random.default_rng(8)
    bent = [r**2 * (1 + 0.5 * (i % 2)) for i, r in enumerate(RADII)]
    rays = [ray_of(probes(generator, bent, n, [0.05 * math.log(r) for r in RADII], shared=True)) for n in (10, 30)]
    fit = fit_noisy_growth(rays)
    assert fit is not None
    x = np.log(RADII) - np.mean(np.log(RADII))
    spread = 2 * float(x @ x)
    variances, explained = [], 0.0
    for ray in rays:
        errors = np.array([e for _, _, e in ray])
        n = errors.shape[1]
        covariance = errors @ errors.T / n / (n - 1)
        variances.append(float(x @ covariance @ x) / spread**2)
        centred = covariance - covariance.mean(0) - covariance.mean(1)[:, None] + covariance.mean()
        explained += float(np.trace(centred)) - float(x @ covariance @ x) / spread
    logs = np.array([[math.log(y) for _, y, _ in ray] for ray in rays])
    residuals = logs - logs.mean(1)[:, None] - fit.exponent * x
    scatter = (float((residuals**2).sum()) - explained) / 7 / spread
    assert fit.standard_error == pytest.approx(math.sqrt(scatter + sum(variances)), rel=1e-9)
    doubt = scatter**2 / 7 + variances[0] ** 2 / 9 + variances[1] ** 2 / 29
    assert fit.degrees_of_freedom == pytest.approx((scatter + sum(variances)) ** 2 / doubt, rel=1e-9)


def test_points_with_other_numbers_of_probes_count_as_independent() -> None:
    generator = np.random.default_rng(9)
    samples = probes(generator, [r**2 for r in RADII], 24, [0.1] * 5, shared=True)
    uneven = ray_of([x[: 12 + 3 * i] for i, x in enumerate(samples)])
    fit = fit_noisy_growth([uneven])
    assert fit is not None
    x = np.log(RADII) - np.mean(np.log(RADII))
    own = sum(float(xi) ** 2 * np.sum(np.square(e)) / len(e) / (len(e) - 1) for xi, (_, _, e) in zip(x, uneven, strict=True))
    assert fit.standard_error**2 >= own / float(x @ x) ** 2 * (1 - 1e-9)
