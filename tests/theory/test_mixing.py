from __future__ import annotations

import math

import pytest

from villani_verify.errors import RequestError
from villani_verify.theory.bounds.bakry_emery import bakry_emery
from villani_verify.theory.bounds.bound import Bound, Inequality
from villani_verify.theory.gibbs import Gibbs
from villani_verify.theory.mixing import mixing_time


def gaussian_kl(mean: float, variance: float, dimension: int, target: float) -> float:
    """KL of N(m, vI) to N(0, TI), with ‖m‖ = mean."""
    ratio = variance / target
    return 0.5 * (dimension * (ratio - 1 - math.log(ratio)) + mean**2 / target)


@pytest.mark.parametrize(("decay", "temperature"), [(1.0, 2.0), (0.1, 2.0), (0.3, 0.7), (5.0, 0.01)])
def test_of_a_gaussian_that_is_off_by_its_mean_the_time_is_exact(decay, temperature) -> None:
    # The mean of dθ = −λθ dt + √s dW falls like e^{−λt}, and KL like its square: the bound is attained.
    gibbs = Gibbs(3, decay, temperature)
    stationary = temperature / (2 * decay)
    start = gaussian_kl(2.0, stationary, 3, stationary)
    found = mixing_time(gibbs, bakry_emery(gibbs, decay, ""), initial=start, target=start / 50)
    assert gaussian_kl(2.0 * math.exp(-decay * found.time), stationary, 3, stationary) == pytest.approx(start / 50, rel=1e-9)
    assert (found.divergence, found.step_size, found.steps) == ("KL", None, None)


@pytest.mark.parametrize(("decay", "temperature"), [(1.0, 2.0), (0.3, 0.7)])
@pytest.mark.parametrize("target", [0.5, 0.01])
def test_discrete_steps_reach_the_target_on_a_gaussian(decay, temperature, target) -> None:
    gibbs = Gibbs(3, decay, temperature)
    stationary = temperature / (2 * decay)
    mean, variance = 5.0 * math.sqrt(stationary), stationary
    start = gaussian_kl(mean, variance, 3, stationary)
    found = mixing_time(gibbs, bakry_emery(gibbs, decay, ""), initial=start, target=target, smoothness=decay)
    contraction = 1 - found.step_size * decay
    # Law after k steps: mean · cᵏ, variance the geometric sum of the noise ηs.
    k = found.steps
    variance = variance * contraction ** (2 * k) + found.step_size * temperature * (1 - contraction ** (2 * k)) / (
        1 - contraction**2
    )
    assert gaussian_kl(mean * contraction**k, variance, 3, stationary) <= target


def test_the_step_is_vempala_and_wibisonos() -> None:
    # At s = 2 with C_LS = 4, M = 3, d = 5, ε = 0.2: h = (1/4)/(4·9)·0.2/20, k = log(2·10/0.2)·4/h.
    bound = Bound("any", Inequality.LOG_SOBOLEV, 4.0, (), "")
    found = mixing_time(Gibbs(5, 1.0), bound, initial=10.0, target=0.2, smoothness=3.0)
    h = 0.25 / 36 * 0.2 / 20
    assert found.step_size == pytest.approx(h)
    assert found.steps == math.ceil(math.log(100) * 4 / h)
    assert found.time == pytest.approx(2 * math.log(50))


def test_poincare_bounds_speak_of_chi_squared_and_of_no_steps() -> None:
    bound = Bound("any", Inequality.POINCARE, 4.0, (), "")
    found = mixing_time(Gibbs(5, 1.0, 0.5), bound, initial=10.0, target=1.0, smoothness=3.0)
    assert (found.divergence, found.step_size, found.steps) == ("chi-squared", None, None)
    assert found.time == pytest.approx(8 * math.log(10))


def test_steps_that_no_float_holds_are_no_number() -> None:
    bound = Bound("any", Inequality.LOG_SOBOLEV, 1e160, (), "")
    found = mixing_time(Gibbs(5, 1.0), bound, initial=10.0, target=1.0, smoothness=1e3)
    assert found.steps is None
    assert found.time == pytest.approx(5e159 * math.log(10))


def test_a_bound_that_does_not_apply_has_no_time() -> None:
    assert mixing_time(Gibbs(5, 1.0), bakry_emery(Gibbs(5, 1.0), -1.0, ""), initial=1.0, target=0.1) is None


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"initial": 0.0, "target": 0.1}, "initial divergence 0: it is not a positive number"),
        ({"initial": math.inf, "target": 0.1}, "initial divergence inf"),
        ({"initial": 1.0, "target": 1.0}, "target 1: it is not between 0 and the initial divergence 1"),
        ({"initial": 1.0, "target": -0.1}, "target -0.1"),
        ({"initial": 1.0, "target": 0.1, "smoothness": 0.0}, "smoothness 0: it is not a positive number"),
    ],
)
def test_numbers_that_make_no_sense(numbers, message) -> None:
    with pytest.raises(RequestError, match=message):
        mixing_time(Gibbs(5, 1.0), Bound("any", Inequality.LOG_SOBOLEV, 4.0, (), ""), **numbers)
