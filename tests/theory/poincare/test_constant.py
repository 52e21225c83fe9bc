from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import LandscapeError, RequestError
from villani_verify.theory.poincare.constant import poincare_constant

from ..conftest import KNOWN_WELLS, naive_line_constant


@pytest.mark.parametrize(("key", "expected"), KNOWN_WELLS.items())
def test_twelve_wells_to_one_per_cent(well, key, expected) -> None:
    decay, height = key
    found = poincare_constant(well(height, decay))
    assert found.value == pytest.approx(expected, rel=0.005)  # the known values have three digits
    assert found.interval[0] <= found.value <= found.interval[1] <= 1.003 * found.interval[0]


@pytest.mark.parametrize(("height", "decay"), [(2.0, 1.0), (5.0, 1.0), (5.0, 0.1)])
def test_against_the_naive_chain(well, height, decay) -> None:
    def potential(x: np.ndarray) -> np.ndarray:
        return decay * x**2 / 2 + np.logaddexp(0, -height * (2 * np.tanh(3 * x) ** 2 - 1))

    # The naive chain is off by h²; two of them leave h⁴.
    coarse, fine = (naive_line_constant(potential, 7.2 / math.sqrt(decay), n) for n in (600, 1200))
    # What is left of the naive one is h⁴ with wells of width 0.1, the cells being 0.02 wide or three times as much.
    assert (4 * fine - coarse) / 3 == pytest.approx(poincare_constant(well(height, decay)).value, rel=1e-3 / decay)


@pytest.mark.parametrize(
    ("dimension", "decay", "temperature"),
    [(d, *x) for d in (1, 2) for x in ((1.0, 2.0), (0.3, 0.5), (20.0, 2.0))] + [(3, 0.3, 0.5)],
)
def test_gaussian(dimension, decay, temperature) -> None:
    flat = Landscape.from_function(lambda x: 0 * x.sum(), dimension, weight_decay=decay)
    found = poincare_constant(flat, temperature)
    expected = temperature / (2 * decay)
    assert found.interval[0] * (1 - 1e-6) <= expected <= found.interval[1] * (1 + 1e-6)
    assert found.value == pytest.approx(expected, rel=1e-3)


def test_a_sum_of_functions_of_one_coordinate_has_the_largest_of_their_constants(well) -> None:
    def both(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.softplus(-4 * (2 * torch.tanh(3 * x[0]) ** 2 - 1), threshold=1e9)

    alone = poincare_constant(well(4.0, 1.0))
    plane = poincare_constant(Landscape.from_function(both, 2, weight_decay=1.0))
    assert plane.value == pytest.approx(alone.value, rel=3e-3)


def test_a_rotation_changes_nothing() -> None:
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]], dtype=torch.float64)

    def loss(x: torch.Tensor) -> torch.Tensor:
        return (x[0] ** 2 - 1) ** 2 / 4 + (x[0] * x[1]) ** 2

    straight = poincare_constant(Landscape.from_function(loss, 2, weight_decay=1.0))
    turned = poincare_constant(Landscape.from_function(lambda x: loss(turn @ x), 2, weight_decay=1.0))
    assert turned.value == pytest.approx(straight.value, rel=2e-3)


def test_mass_that_the_loss_pushes_outwards_is_found() -> None:
    # A plateau of height 34 up to |x| = 7: the mass lies beyond eight standard deviations of the decay.
    def potential(x: np.ndarray) -> np.ndarray:
        return x**2 / 2 + 34 / (1 + (x / 7) ** 20)

    plateau = Landscape.from_function(lambda x: (34 / (1 + (x / 7) ** 20)).sum(), 1, weight_decay=1.0)
    found = poincare_constant(plateau)
    assert found.upper[0] > 8
    assert found.value == pytest.approx(naive_line_constant(potential, 13.0, 1500), rel=0.01)


def test_decays_may_differ() -> None:
    flat = Landscape.from_function(lambda x: 0 * x.sum(), 2, weight_decay={"a": 1.0, "b": 4.0}, blocks={"a": 1, "b": 1})
    assert poincare_constant(flat).value == pytest.approx(1.0, rel=1e-3)


def test_a_well_too_deep_for_an_eigenvalue_solver(well) -> None:
    found = poincare_constant(well(60.0, 1.0))
    # Arrhenius: the constant grows like e^A, up to a power of A.
    assert math.log(found.value) == pytest.approx(60, rel=0.1)


def test_loss_that_cannot_be_batched_is_evaluated_point_by_point() -> None:
    def branching(x: torch.Tensor) -> torch.Tensor:
        return x.sum() ** 2 if float(x.sum()) > 0 else 0.5 * x.sum() ** 2

    def batched(x: torch.Tensor) -> torch.Tensor:
        return torch.where(x.sum() > 0, x.sum() ** 2, 0.5 * x.sum() ** 2)

    expected = poincare_constant(Landscape.from_function(batched, 1, weight_decay=1.0)).value
    assert poincare_constant(Landscape.from_function(branching, 1, weight_decay=1.0)).value == expected


def test_what_has_no_constant_or_none_within_reach() -> None:
    with pytest.raises(RequestError, match="in 4 dimensions is too large; take a slice of at most 3"):
        poincare_constant(Landscape.from_function(lambda x: (x**2).sum(), 4, weight_decay=1.0))
    with pytest.raises(RequestError, match=r"weight decay of 'b'.* need not have a finite integral"):
        poincare_constant(
            Landscape.from_function(lambda x: 0 * x.sum(), 2, weight_decay={"a": 1.0, "b": 0.0}, blocks={"a": 1, "b": 1})
        )
    with pytest.raises(RequestError, match="temperature 0: it is not a positive number"):
        poincare_constant(Landscape.from_function(lambda x: (x**2).sum(), 1, weight_decay=1.0), 0.0)
    with pytest.raises(LandscapeError, match="it is not finite; mend the function"):
        poincare_constant(Landscape.from_function(lambda x: torch.log(x + 1).sum(), 1, weight_decay=1.0))
    with pytest.raises(LandscapeError, match="is negative, and the criteria need L ≥ 0"):
        poincare_constant(Landscape.from_function(lambda x: -torch.cos(x).sum(), 1, weight_decay=1.0))
    with pytest.raises(LandscapeError, match=r"cells an axis .* off its values between neighbours; raise the temperature"):
        poincare_constant(Landscape.from_function(lambda x: 3 * torch.cos(200 * x).sum() + 6, 2, weight_decay=1.0))
    with pytest.raises(LandscapeError, match=r"barrier is .* high, too high for float64"):
        poincare_constant(Landscape.from_function(lambda x: 2000 * torch.exp(-20 * x.square()).sum(), 1, weight_decay=1.0))


def test_wells_in_the_plane_that_rounding_hides_are_no_number() -> None:
    def loss(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.softplus(-60 * (2 * torch.tanh(3 * x[0]) ** 2 - 1), threshold=1e9)

    with pytest.raises(LandscapeError, match="drowns in rounding"):
        poincare_constant(Landscape.from_function(loss, 2, weight_decay=1.0))
