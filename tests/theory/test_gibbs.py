from __future__ import annotations

import math

import pytest

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.theory.gibbs import Gibbs


def test_at_temperature_two_the_density_is_exp_of_minus_f() -> None:
    gibbs = Gibbs(3, 0.1)
    assert (gibbs.temperature, gibbs.scale, gibbs.confinement) == (2.0, 1.0, 0.1)


def test_confinement_is_that_of_the_potential() -> None:
    assert Gibbs(1, 0.3, 0.5).confinement == pytest.approx(2 * 0.3 / 0.5)
    assert Gibbs(1, 0.3, 0.5).scale == 4


def test_of_a_landscape_takes_the_least_decay() -> None:
    landscape = Landscape.from_function(lambda x: 0 * x.sum(), 5, weight_decay={"a": 0.2, "b": 0.1}, blocks={"a": 2, "b": 3})
    assert Gibbs.of(landscape, 1.0) == Gibbs(5, 0.1, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1.0), "dimension 0: it is not at least 1"),
        ((2, 0.0), "weight decay 0: exp"),
        ((2, -0.1), "weight decay -0.1: exp"),
        ((2, math.nan), "weight decay nan"),
        ((2, 1.0, 0.0), "temperature 0: it is not a positive number"),
        ((2, 1.0, -1.0), "temperature -1"),
        ((2, 1.0, math.inf), "temperature inf"),
        ((2, 1e200, 1e-200), "out of the range of float64"),
    ],
)
def test_numbers_that_make_no_measure(arguments, message) -> None:
    with pytest.raises(RequestError, match=message):
        Gibbs(*arguments)
