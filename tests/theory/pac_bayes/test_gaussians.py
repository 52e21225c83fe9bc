from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from villani_verify.errors import RequestError
from villani_verify.theory.pac_bayes.gaussians import Posterior, PriorMean, gaussian_divergence, standard_noise

F64 = torch.float64


def naive_divergence(mean: np.ndarray, covariance: np.ndarray, prior_mean: np.ndarray, prior_covariance: np.ndarray) -> float:
    """The formula for any two Gaussians."""
    inverse, shift = np.linalg.inv(prior_covariance), mean - prior_mean
    logs = np.linalg.slogdet(prior_covariance)[1] - np.linalg.slogdet(covariance)[1]
    return 0.5 * float(np.trace(inverse @ covariance) + shift @ inverse @ shift - len(mean) + logs)


def point(seed: int = 0, dtype: torch.dtype = F64) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {n: torch.randn(*shape, generator=generator, dtype=F64).to(dtype) for n, shape in (("a", (2, 3)), ("b", (4,)))}


def flat(p: dict[str, Tensor]) -> np.ndarray:
    return torch.cat([t.reshape(-1).double() for t in p.values()]).numpy()


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_divergence_against_the_full_formula(log_a: float, log_b: float, log_precision: float) -> None:
    mean, start = point(0), point(1)
    a, b, precision = 10**log_a, 10**log_b, 10**log_precision
    posterior = Posterior(mean, {"a": a, "b": b}, 0.0)
    found = posterior.divergence(precision, PriorMean.at(start, source="initialisation").squared_distances(mean))
    expected = naive_divergence(flat(mean), np.diag([a**2] * 6 + [b**2] * 4), flat(start), np.eye(10) / precision)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_divergence_against_monte_carlo() -> None:
    # E_Q[ln q − ln p] over 100,000 draws of a fixed seed; four standard errors.
    mean, sd, precision = flat(point(0)), 0.3, 2.0
    draws = mean + sd * np.random.default_rng(0).standard_normal((100_000, 10))
    log_q = -0.5 * (((draws - mean) / sd) ** 2).sum(axis=1) - 10 * math.log(sd)
    log_p = -0.5 * precision * (draws**2).sum(axis=1) + 5 * math.log(precision)
    samples = log_q - log_p
    found = Posterior.isotropic(point(0), sd).divergence(precision, PriorMean().squared_distances(point(0)))
    assert abs(found - samples.mean()) < 4 * samples.std() / math.sqrt(len(samples))


def test_divergence_of_equal_gaussians_is_zero_and_nearly_equal_ones_lose_nothing() -> None:
    assert gaussian_divergence([10**8], [0.0], [0.5], 4.0) == 0.0
    # x − ln(1 + x) ≈ x²/2 at x = λσ² − 1.
    sd = 0.5 * (1 + 1e-6)
    x = 4 * sd * sd - 1
    assert gaussian_divergence([10**8], [0.0], [sd], 4.0) == pytest.approx(0.5e8 * (x * x / 2 - x**3 / 3), rel=1e-6)


def test_125_million_dimensions() -> None:
    d, norm, sd, precision = 125_198_592, 700.0, 0.01, 0.1
    expected = 0.5 * (d * (precision * sd**2 - 1 - math.log(precision * sd**2)) + precision * norm**2)
    assert gaussian_divergence([d], [norm**2], [sd], precision) == pytest.approx(expected, rel=1e-14)
    # As the 160 tensors of such a model have it.
    assert gaussian_divergence([d // 2, d // 2], [norm**2, 0.0], [sd] * 2, precision) == pytest.approx(expected, rel=1e-14)


def test_tensors_in_half_precision_are_measured_in_float64() -> None:
    rounded = point(0, torch.bfloat16)
    assert PriorMean().squared_distances(rounded)["a"] == pytest.approx(float((rounded["a"].double() ** 2).sum()), rel=1e-14)
    found = PriorMean.at(point(1), source="initialisation").squared_distances(rounded)
    assert found["b"] == pytest.approx(float(((rounded["b"].double() - point(1)["b"]) ** 2).sum()), rel=1e-14)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (([3], [1.0], [0.1], 0.0), ("prior precision 0.0", "no prior")),
        (([3], [1.0], [0.1], -1.0), ("prior precision -1.0",)),
        (([3], [1.0], [0.1], math.inf), ("prior precision inf",)),
        (([3], [1.0], [0.0], 1.0), ("posterior standard deviation 0.0",)),
        (([3], [1.0], [math.nan], 1.0), ("posterior standard deviation nan",)),
        (([3], [1e300], [0.1], 1e10), ("overflows", "precision 1e+10")),
        (([10**300], [1.0], [1e10], 1.0), ("overflows",)),
        (([3], [1.0], [1e200], 1.0), ("overflows",)),
    ],
)
def test_numbers_out_of_range(arguments: tuple, parts: tuple[str, ...]) -> None:
    with pytest.raises(RequestError) as caught:
        gaussian_divergence(*arguments)
    assert all(part in str(caught.value) for part in parts)


def test_a_tiny_posterior_does_not_underflow() -> None:
    # λσ² = 1e-400 is no number, but its logarithm is.
    found = gaussian_divergence([2], [0.0], [1e-200], 1.0)
    assert found == pytest.approx(-1 + 400 * math.log(10), rel=1e-14)


def test_a_prior_from_trained_weights_must_say_so() -> None:
    trained = point(0)
    with pytest.raises(RequestError, match="it equals the posterior mean"):
        PriorMean.at(trained, source="initialisation").squared_distances(trained)
    with pytest.raises(RequestError, match="source 'the best we had' of the prior mean: unknown"):
        PriorMean.at(trained, source="the best we had")
    with pytest.raises(TypeError):
        PriorMean.at(trained)  # type: ignore[call-arg]
    said = PriorMean.at(trained, source="training data")
    assert not said.valid
    assert sum(said.squared_distances(trained).values()) == 0
    assert PriorMean().valid
    assert PriorMean.at(trained, source="other data").valid


def test_a_prior_mean_of_other_shape_or_with_infinities() -> None:
    other = {"a": torch.zeros(3, 2, dtype=F64), "b": torch.zeros(4, dtype=F64)}
    with pytest.raises(RequestError, match=r"tensor 'a' has shape \(3, 2\), the posterior's \(2, 3\)"):
        PriorMean.at(other, source="initialisation").squared_distances(point())
    with pytest.raises(RequestError, match="tensor 'b' has shape None"):
        PriorMean.at({"a": point()["a"]}, source="initialisation").squared_distances(point())
    with pytest.raises(RequestError, match="not finite"):
        PriorMean().squared_distances({"a": torch.tensor([math.inf], dtype=F64)})


def test_draws_have_mean_and_deviation() -> None:
    mean = {"a": torch.full((200, 100), 2.0, dtype=F64), "b": torch.full((20_000,), -1.0, dtype=F64)}
    posterior = Posterior(mean, {"a": 0.5, "b": 3.0}, 0.0)
    drawn = posterior.draw(standard_noise(mean, seed=3, index=0))
    for name, sd in posterior.sds.items():
        z = (drawn[name] - mean[name]) / sd
        # Four standard errors of 20,000 numbers.
        assert abs(float(z.mean())) < 4 / math.sqrt(20_000)
        assert abs(float(z.std()) - 1) < 4 / math.sqrt(40_000)
    again, other = (posterior.draw(standard_noise(mean, seed=3, index=i)) for i in (0, 1))
    assert torch.equal(again["a"], drawn["a"])
    assert not torch.equal(other["a"], drawn["a"])


def test_relative_deviations() -> None:
    mean = {"a": torch.tensor([3.0, 4.0], dtype=F64), "zero": torch.zeros(2, dtype=F64)}
    found = Posterior.relative(mean, 0.1)
    assert found.sds["a"] == pytest.approx(0.1 * 5 / math.sqrt(2))
    assert found.sds["zero"] == pytest.approx(0.1 * 5 / 2)
    assert found.label == 0.1
    assert found.dimension == 4
    with pytest.raises(RequestError, match="they are all zero"):
        Posterior.relative({"zero": torch.zeros(2)}, 0.1)
    for wrong in (0.0, -1.0, math.inf):
        with pytest.raises(RequestError, match="posterior standard deviation"):
            Posterior.relative(mean, wrong)
