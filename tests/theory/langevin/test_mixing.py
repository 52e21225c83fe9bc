from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from villani_verify.theory.langevin.mixing import autocovariances, diagnose, integrated_time, split_rhat


def naive_rhat(values: np.ndarray) -> float:
    """Equations (1) to (4) of Vehtari et al. (2021) on split chains, after their equation (14)."""
    half = values.shape[1] // 2
    split = np.concatenate([values[:, :half], values[:, values.shape[1] - half :]])
    found = []
    for x in (split, np.abs(split - np.median(split))):
        order = x.reshape(-1).argsort()
        ranks = np.empty(x.size)
        ranks[order] = np.arange(1, x.size + 1)
        z = norm.ppf((ranks - 3 / 8) / (x.size + 1 / 4)).reshape(x.shape)
        m, n = z.shape
        between = n / (m - 1) * sum((z[i].mean() - z.mean()) ** 2 for i in range(m))
        within = sum(((z[i] - z[i].mean()) ** 2).sum() / (n - 1) for i in range(m)) / m
        found.append(math.sqrt(((n - 1) / n * within + between / n) / within))
    return max(found)


@pytest.mark.parametrize("length", [40, 41])
def test_split_rhat_against_the_formula(length: int) -> None:
    values = np.random.default_rng(0).standard_normal((5, length)) + np.arange(5)[:, None] / 5
    assert split_rhat(values) == pytest.approx(naive_rhat(values), rel=1e-12)


def test_split_rhat_of_independent_numbers_is_one() -> None:
    assert split_rhat(np.random.default_rng(1).standard_normal((8, 2000))) < 1.005


@pytest.mark.parametrize("flaw", ["another place", "another width", "a drift"])
def test_split_rhat_sees_what_is_wrong(flaw: str) -> None:
    values = np.random.default_rng(2).standard_normal((8, 500))
    if flaw == "another place":
        values[3] += 1
    elif flaw == "another width":
        values[:4] *= 2
    else:
        values += np.linspace(0, 1, 500)
    assert split_rhat(values) > 1.02


@given(st.integers(-20, 20))
def test_split_rhat_does_not_depend_on_units(power: int) -> None:
    values = np.random.default_rng(3).standard_normal((4, 20))
    # Powers of two: rounding would break the tie of the two values beside the median, which are equally far from it.
    assert split_rhat(2.0**power * values) == split_rhat(values)
    assert split_rhat(-values) == pytest.approx(split_rhat(values), rel=1e-12)


def test_chains_that_do_not_move() -> None:
    assert split_rhat(np.ones((3, 10))) == 1.0
    assert split_rhat(np.array([[0.0] * 10, [1.0] * 10])) == math.inf
    assert split_rhat(np.full((3, 10), np.nan)) == math.inf


def test_autocovariances_against_a_naive_loop() -> None:
    values = np.random.default_rng(4).standard_normal((3, 17)) + 5
    mean = values.mean()
    expected = [[np.mean([(x[t] - mean) * (x[t + k] - mean) for t in range(17 - k)]) for k in range(17)] for x in values]
    np.testing.assert_allclose(autocovariances(values), expected, atol=1e-12)


def test_coverage_of_the_integrated_time(autoregression: Callable[..., np.ndarray], check_coverage: Callable[..., None]) -> None:
    generator, hits = np.random.default_rng(5), 0
    for _ in range(500):
        found = integrated_time(autoregression(generator, (16,), 1200, 0.8))
        assert found is not None
        hits += found.contains(1.8 / 0.2)
    check_coverage(hits, 500)


def test_a_window_that_does_not_close_gives_no_time(autoregression: Callable[..., np.ndarray]) -> None:
    generator = np.random.default_rng(6)
    assert integrated_time(autoregression(generator, (16,), 200, 0.99)) is None
    assert integrated_time(np.ones((4, 100))) is None
    assert integrated_time(autoregression(generator, (1,), 2000, 0.5)) is None


class TestDiagnosis:
    def test_chains_that_have_mixed(self, autoregression: Callable[..., np.ndarray]) -> None:
        found = diagnose(("a", "b"), autoregression(np.random.default_rng(7), (2, 20), 2500, 0.8))
        assert found.mixed
        assert found.reason == ""
        assert found.length == pytest.approx(20 * 2500 / 9, rel=0.1)
        shown = found.as_dict(0.1)
        assert shown["integrated_autocorrelation_time"]["a"]["value"] == pytest.approx(0.9, rel=0.1)

    def test_chains_at_different_places(self, autoregression: Callable[..., np.ndarray]) -> None:
        series = autoregression(np.random.default_rng(8), (2, 20), 2500, 0.8)
        series[1, :10] += 3
        found = diagnose(("a", "b"), series)
        assert not found.mixed
        assert found.worst == "b"
        assert found.reason.startswith("split-R̂ of b is 1.")

    def test_chains_that_are_too_short_together(self, autoregression: Callable[..., np.ndarray]) -> None:
        found = diagnose(("a",), autoregression(np.random.default_rng(4), (1, 2), 90, 0.6))
        assert not found.mixed
        assert "all chains together are 48.1 autocorrelation times long, fewer than 50" in found.reason

    def test_chains_that_hardly_move(self, autoregression: Callable[..., np.ndarray]) -> None:
        found = diagnose(("a",), autoregression(np.random.default_rng(10), (1, 20), 300, 0.999))
        assert not found.mixed
        assert "the autocorrelation of a outlasts the chains" in found.reason
        assert found.length is None
        assert found.as_dict(1.0)["integrated_autocorrelation_time"] == {"a": None}
