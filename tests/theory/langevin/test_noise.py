from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import binom

from villani_verify.curvature.probes import normals
from villani_verify.theory.langevin.noise import NUMBERS_PER_BLOCK, AddressedNoise, minibatch_rows, on_device


def like(dimension: int) -> torch.Tensor:
    return torch.zeros(dimension, dtype=torch.float64)


@pytest.mark.parametrize("dimension", [1, 3, 1024, 1500])
def test_an_increment_depends_on_its_address_alone(dimension: int) -> None:
    steps = 2 * max(1, NUMBERS_PER_BLOCK // dimension) + 1
    forwards, few = AddressedNoise(5, 3, like(dimension)), AddressedNoise(5, 2, like(dimension))
    drawn = [forwards.at(k).clone() for k in range(steps)]
    for k in reversed(range(steps)):
        assert torch.equal(few.at(k), drawn[k][:2])


def test_the_numbers_are_those_of_the_addressed_generator() -> None:
    block = NUMBERS_PER_BLOCK // 3
    expected = normals("langevin chain 1", (block, 3), seed=7, index=2, like=like(3))
    assert torch.equal(AddressedNoise(7, 2, like(3)).at(2 * block + 5)[1], expected[5])


@pytest.mark.parametrize("substeps", [2, 3])
def test_a_coarse_increment_is_the_sum_of_fine_ones(substeps: int) -> None:
    coarse, fine = AddressedNoise(1, 4, like(2), substeps=substeps), AddressedNoise(1, 4, like(2))
    for k in (0, 1, 600):
        parts = [fine.at(substeps * k + j).clone() for j in range(substeps)]
        assert torch.allclose(coarse.at(k), sum(parts) / math.sqrt(substeps), rtol=0, atol=1e-15)


def test_chains_steps_and_seeds_differ() -> None:
    drawn = AddressedNoise(0, 3, like(4)).at(0)
    assert len({float(x) for x in drawn.reshape(-1)}) == 12
    assert not torch.equal(AddressedNoise(0, 3, like(4)).at(1), drawn)
    assert not torch.equal(AddressedNoise(1, 3, like(4)).at(0), drawn)


@pytest.mark.parametrize("dimension", [3, 2000])
@pytest.mark.parametrize("substeps", [1, 2])
def test_what_is_added_in_place_is_the_same(dimension: int, substeps: int) -> None:
    noise = AddressedNoise(5, 3, like(dimension), substeps=substeps)
    states = torch.ones(3, dimension, dtype=torch.float64)
    for step in range(2):
        expected = states + 0.3 * noise.at(step)
        noise.add_to(states, step, 0.3)
        assert torch.equal(states, expected)


def test_increments_are_standard_normal() -> None:
    numbers = torch.cat([AddressedNoise(3, 50, like(2), substeps=2).at(k) for k in range(100)]).reshape(-1)
    n = len(numbers)
    # Five standard deviations each: less than one in a million.
    assert abs(float(numbers.mean())) < 5 / math.sqrt(n)
    assert abs(float(numbers.square().mean()) - 1) < 5 * math.sqrt(2 / n)


def test_numbers_that_a_device_draws_depend_on_their_address_alone() -> None:
    first = on_device("chain 0", (5000, 2), seed=1, index=2, like=like(2))
    others = [
        on_device(name, (5000, 2), seed=seed, index=index, like=like(2))
        for name, seed, index in (("chain 1", 1, 2), ("chain 0", 2, 2), ("chain 0", 1, 3), ("chain 0", 1 << 64, 2))
    ]
    torch.manual_seed(5)
    assert torch.equal(on_device("chain 0", (5000, 2), seed=1, index=2, like=like(2)), first)
    # Five standard deviations each: correlations of 10,000 numbers, and their mean square.
    assert all(abs(float((first * other).mean())) < 5 / 100 for other in others)
    assert abs(float(first.square().mean()) - 1) < 5 * math.sqrt(2 / 10_000)


@pytest.mark.gpu
def test_a_gpu_draws_its_own_noise_by_address() -> None:
    there = torch.zeros(1500, device="cuda")
    forwards, again = AddressedNoise(5, 3, there, substeps=2), AddressedNoise(5, 2, there, substeps=2)
    drawn = [forwards.at(k) for k in range(4)]
    assert drawn[0].device.type == "cuda"
    for k in (2, 0, 3):
        assert torch.equal(again.at(k), drawn[k][:2])
    fine = AddressedNoise(5, 3, there)
    assert torch.allclose(drawn[1], (fine.at(2) + fine.at(3)) / math.sqrt(2))


def test_mini_batches_are_drawn_without_replacement_and_evenly() -> None:
    counts = torch.zeros(6)
    for step in range(500):
        rows = minibatch_rows(0, 1, step, count=6, batch=2)
        assert len(set(rows.tolist())) == 2
        counts[rows] += 1
    low, high = binom.ppf(1e-6, 500, 1 / 3), binom.ppf(1 - 1e-6, 500, 1 / 3)
    assert ((counts >= low) & (counts <= high)).all(), counts
    assert torch.equal(minibatch_rows(0, 1, 7, count=6, batch=2), minibatch_rows(0, 1, 7, count=6, batch=2))
