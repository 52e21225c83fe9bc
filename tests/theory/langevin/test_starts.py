from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.theory.langevin.settings import ChainSettings
from villani_verify.theory.langevin.starts import starting_points

SETTINGS = ChainSettings(temperature=0.5, step_size=0.05, chains=500, steps=1, seed=3, start="gaussian")


def test_the_gaussian_start_is_the_measure_of_the_decay_alone(flat: Callable[..., Landscape]) -> None:
    squares = starting_points(flat(4, 2.0), SETTINGS).square().sum(1)
    # ‖θ‖² has mean d·s/(2λ) and relative variance 2/d: five standard deviations.
    assert float(squares.mean()) == pytest.approx(0.5, rel=5 * math.sqrt(0.5 / 500))


def test_half_of_mixed_starts_are_the_reference_point(flat: Callable[..., Landscape]) -> None:
    settings = replace(SETTINGS, start="mixed", chains=8)
    fixed = settings.from_reference
    assert fixed.tolist() == [True, True, False, False] * 2
    landscape = flat(4, 2.0)
    starts = starting_points(landscape, settings)
    assert torch.equal(starts[fixed], landscape.initial["theta"].repeat(4, 1))
    assert torch.equal(starts[~fixed], starting_points(landscape, replace(settings, start="gaussian"))[~fixed])


def test_gaussian_starts_are_halved_where_the_loss_is_steep() -> None:
    steep = Landscape.from_function(lambda x: x.pow(4).sum(), 1, weight_decay=0.1, initial=torch.tensor([0.5], dtype=torch.float64))
    starts = starting_points(steep, SETTINGS)[:, 0]
    values = starts**4 + 0.05 * starts**2
    assert (values <= 0.5**4 + 0.05 * 0.25 + 0.5).all()
    # s/(2λ) = 2.5 makes about half of the draws too high; none is brought further down than one halving too many.
    assert starts.square().max() > 0.5
    assert (starts > 0).any()
    assert (starts < 0).any()


def test_a_gaussian_start_needs_a_decay_everywhere(flat: Callable[..., Landscape]) -> None:
    with pytest.raises(RequestError, match="no weight decay, so there is no Gaussian"):
        starting_points(flat(2, 0.0), SETTINGS)
    starting_points(flat(2, 0.0), replace(SETTINGS, start="reference"))
