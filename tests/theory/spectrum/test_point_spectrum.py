from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm as normal

from villani_verify.errors import RequestError
from villani_verify.theory.spectrum.lanczos import lanczos
from villani_verify.theory.spectrum.ritz import ritz_values

SPECTRA = {
    "bulk": np.sort(np.random.default_rng(0).normal(size=60)),
    # As of a trained network: nearly all at one place, and few far off on either side.
    "outliers": np.sort(np.concatenate([0.05 * np.random.default_rng(1).normal(size=57), [20.0, 21.0, -3.0]])),
    "shifted": np.sort(np.append(5 + 0.1 * np.random.default_rng(2).normal(size=59), 30.0)),
}


@pytest.mark.parametrize(
    ("name", "replications"), [("outliers", 100), *(pytest.param(n, 1000, marks=pytest.mark.slow) for n in SPECTRA)]
)
def test_coverage_of_everything_that_has_an_interval(name, replications, replicated, spectrum_of, fewest_hits) -> None:
    eigenvalues = SPECTRA[name]
    width = 0.15 * np.ptp(eigenvalues)
    x = np.quantile(eigenvalues, [0.02, 0.3, 0.5, 0.9, 0.99])
    everywhere = np.concatenate([eigenvalues - 1e-9, eigenvalues + 1e-9])
    truth = {
        "density": normal.pdf(x[:, None], eigenvalues, width).mean(1),
        "fraction": (eigenvalues <= x[:, None]).mean(1),
        "all fractions": (eigenvalues <= everywhere[:, None]).mean(1),
        "mean": eigenvalues.mean(),
        "second": (eigenvalues**2).mean(),
        "negative": (eigenvalues < 0).mean(),
    }
    hits: dict[str, np.ndarray] = dict.fromkeys(truth, np.zeros(()))
    for runs in replicated(eigenvalues, replications=replications, count=10, steps=12, seed=7):
        found = spectrum_of(runs, 60)
        curves = {
            "density": found.density(x, width),
            "fraction": found.fraction_below(x),
            "all fractions": found.fraction_below(everywhere, simultaneous=True),
        }
        ends = {what: (c.low, c.high) for what, c in curves.items()}
        ends |= {"mean": found.mean()[1], "second": found.second_moment()[1], "negative": found.fraction_negative()[1]}
        for what, (low, high) in ends.items():
            inside = (low <= truth[what] + 1e-9) & (truth[what] <= high + 1e-9)
            hits[what] = hits[what] + (np.all(inside) if what == "all fractions" else inside)
    for what, count in hits.items():
        # Those of fractions are exact or wider. The others match two moments of the distribution: two per cent are allowed for it.
        level = 0.95 if "fraction" in what or what == "negative" else 0.93
        assert np.min(count) >= fewest_hits(replications, level), (what, count)


@pytest.fixture
def of_matrix(dense_operator, normal_starts, spectrum_of):
    def make(eigenvalues, *, count=5, steps=10, seed=0, shift=0.0):
        operator = dense_operator(torch.as_tensor(eigenvalues).double())
        starts = normal_starts(count, operator.dimension, seed)
        return spectrum_of(tuple(ritz_values(t) for t in lanczos(operator, starts, steps)), operator.dimension, shift=shift)

    return make


def test_all_eigenvalues_known_leave_nothing_to_estimate(of_matrix) -> None:
    eigenvalues = np.array([-1.0, 0.5, 2.0, 2.5])
    found = of_matrix(eigenvalues, steps=4, shift=0.1)
    assert found.exact
    assert found.mean()[1] == pytest.approx((1.1, 1.1), rel=1e-12)
    assert found.second_moment()[0] == pytest.approx(((eigenvalues + 0.1) ** 2).mean(), rel=1e-12)
    assert found.fraction_negative() == (0.25, (0.25, 0.25))
    curve = found.fraction_below([-2, 0, 1, 2.2, 5])
    assert curve.value.tolist() == curve.low.tolist() == curve.high.tolist() == [0, 0.25, 0.5, 0.75, 1]
    density = found.density([0.0, 1.0], 0.3)
    np.testing.assert_allclose(density.value, normal.pdf(np.array([[0.0], [1.0]]), eigenvalues + 0.1, 0.3).mean(1), rtol=1e-12)
    assert (density.low == density.high).all()


def test_one_eigenvalue_many_times_is_known_after_one_step(of_matrix) -> None:
    found = of_matrix(np.full(50, 3.0))
    assert not found.exact
    for value, interval in (found.mean(), found.second_moment()):
        assert interval == pytest.approx((value, value), rel=1e-12)
    assert found.mean()[0] == pytest.approx(3.0, rel=1e-12)
    assert [e.interval for e in found.extremes()] == [pytest.approx((3.0, 3.0), rel=1e-12)] * 2
    assert found.fraction_below([2.9, 3.1]).low.tolist() == [0, 1]
    width = found.kernel_width()
    assert found.density([3.0], width).value[0] == pytest.approx(normal.pdf(0, 0, width), rel=1e-9)


def test_the_zero_matrix(of_matrix) -> None:
    found = of_matrix(np.zeros(50))
    assert found.mean() == (0.0, (0.0, 0.0))
    assert found.kernel_width() == 1.0
    assert found.fraction_negative()[0] == 0


def test_moments_and_density_agree_with_each_other(of_matrix) -> None:
    found = of_matrix(SPECTRA["outliers"], count=10, steps=30)
    width = found.kernel_width()
    grid = found.grid(width)
    density = found.density(grid, width)
    step = grid[1] - grid[0]
    assert density.value.sum() * step == pytest.approx(1, abs=2e-3)
    assert (density.value * grid).sum() * step == pytest.approx(found.mean()[0], abs=2e-2)
    assert (density.value * grid**2).sum() * step == pytest.approx(found.second_moment()[0] + width**2, rel=1e-2)
    assert ((density.low <= density.value) & (density.value <= density.high)).all()


def test_a_kernel_narrower_than_the_steps_resolve_has_wider_intervals(of_matrix) -> None:
    found = of_matrix(SPECTRA["bulk"], count=10, steps=8)
    wide = found.kernel_width()
    relative = [
        np.median((c.high - c.low) / c.value) for w in (wide, wide / 8) for c in [found.density(found.grid(wide)[60:140], w)]
    ]
    assert relative[1] > 3 * relative[0]


def test_another_decay_moves_everything_exactly(of_matrix) -> None:
    found = of_matrix(SPECTRA["outliers"], shift=0.1)
    moved = found.with_decay(2.1)
    for before, after in zip(found.extremes(), moved.extremes(), strict=True):
        np.testing.assert_allclose(after.interval, np.array(before.interval) + 2, rtol=1e-12)
    np.testing.assert_allclose(moved.mean()[1], np.array(found.mean()[1]) + 2, rtol=1e-10)
    x = np.linspace(-4, 22, 27)
    before, after = found.fraction_below(x), moved.fraction_below(x + 2)
    np.testing.assert_allclose((after.low, after.high), (before.low, before.high), rtol=1e-12)
    assert moved.with_decay(0.1).mean() == found.mean()


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_a_decay_that_is_none_is_refused(wrong, of_matrix) -> None:
    with pytest.raises(RequestError, match=r"^weight decay .*: it is not a finite number ≥ 0; give one such as 0\.1$"):
        of_matrix(SPECTRA["bulk"]).with_decay(wrong)
