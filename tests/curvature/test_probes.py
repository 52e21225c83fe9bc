from __future__ import annotations

import hashlib
import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from villani_verify.curvature.probes import derive_seed, normals, signs

F64 = torch.zeros(1, dtype=torch.float64)
COUNT = 1_000_000


def draw(name: str = "w", shape: tuple[int, ...] = (1000,), *, seed: int = 0, index: int = 0) -> torch.Tensor:
    return signs(name, shape, seed=seed, index=index, like=F64)


@pytest.mark.parametrize("make", [signs, normals])
def test_the_same_address_gives_the_same_bits(make) -> None:
    first = make("w", (3, 5, 7), seed=4, index=9, like=F64)
    torch.manual_seed(123)
    make("other", (64,), seed=4, index=9, like=F64)
    assert torch.equal(first, make("w", (3, 5, 7), seed=4, index=9, like=F64))
    assert first.shape == (3, 5, 7)


def test_signs_are_pinned() -> None:
    # Philox 4x64 and BLAKE2b are fixed for ever, so these bits are too: saved witnesses name probes by their address.
    expected = [-1, -1, -1, 1, 1, -1, -1, -1, 1, 1, 1, -1, 1, -1, 1, 1]
    assert draw(shape=(16,)).int().tolist() == expected


@given(
    st.lists(
        st.tuples(st.integers(-(2**70), 2**70), st.integers(0, 2**70), st.sampled_from("abc"), st.integers(0, 300)), min_size=1
    ),
    st.booleans(),
)
def test_numbers_are_those_of_a_generator_of_their_own(addresses: list[tuple[int, int, str, int]], in_threads: bool) -> None:
    """Whatever was drawn before, and however much of it, and beside other threads."""

    def drawn(address: tuple[int, int, str, int]) -> tuple[torch.Tensor, torch.Tensor]:
        seed, index, name, count = address
        place = {"seed": seed, "index": index, "like": F64}
        return signs(name, (count,), **place), normals(name, (count,), **place)

    def alone(purpose: str, address: tuple[int, int, str, int]) -> np.random.Philox:
        seed, index, name, _ = address
        word = int.from_bytes(hashlib.blake2b(f"{purpose}\0{name}".encode(), digest_size=8).digest(), "little")
        key = np.array([seed % 2**64, word], dtype=np.uint64)
        return np.random.Philox(key=key, counter=np.array([0, 0, index % 2**64, 0], dtype=np.uint64))

    with ThreadPoolExecutor(4) as pool:
        found = list((pool.map if in_threads else map)(drawn, addresses))
    for address, (some_signs, some_normals) in zip(addresses, found, strict=True):
        count = address[-1]
        bits = np.unpackbits(alone("signs", address).random_raw((count + 63) // 64).astype("<u8").view(np.uint8))
        assert some_signs.tolist() == (2.0 * bits[:count] - 1).tolist()
        expected = np.random.Generator(alone("normals", address)).standard_normal(count)
        assert some_normals.tolist() == expected.tolist()


@pytest.mark.parametrize("make", [signs, normals])
def test_another_name_seed_or_index_gives_other_numbers(make) -> None:
    # Two independent draws of 1,000 signs agree everywhere with probability 2^−1000.
    drawn = [
        make(name, (1000,), seed=seed, index=index, like=F64)
        for name in ("w", "w.", "v")
        for seed in (-1, 0, 1, 2, 1 << 63, (1 << 64) - 2, 3 + (1 << 63))
        for index in (0, 1, 2, 1 << 40)
    ]
    assert all(not torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])


def test_signs_and_normals_of_one_address_are_unrelated() -> None:
    s = signs("w", (COUNT,), seed=0, index=0, like=F64)
    z = normals("w", (COUNT,), seed=0, index=0, like=F64)
    # The mean of a product of independent ±1 and N(0, 1) has standard deviation 10⁻³; 6 of them: error probability 2e-9.
    assert abs(float((s * z).mean())) < 6e-3


def test_a_shorter_tensor_starts_with_the_same_bits() -> None:
    for count in (1, 63, 64, 65, 200):
        assert torch.equal(draw(shape=(count,)), draw(shape=(1000,))[:count])
    assert torch.equal(draw(shape=(10, 100)).reshape(-1), draw(shape=(1000,)))


def test_empty_and_scalar_shapes() -> None:
    assert draw(shape=(0,)).shape == (0,)
    assert draw(shape=()).abs() == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("make", [signs, normals])
def test_dtype_and_device_are_those_of_like(make, dtype: torch.dtype) -> None:
    like = torch.zeros(1, dtype=dtype)
    out = make("w", (50,), seed=1, index=0, like=like)
    assert (out.dtype, out.device) == (dtype, like.device)
    if make is signs:
        assert torch.equal(out.double(), signs("w", (50,), seed=1, index=0, like=F64))


def test_signs_are_plus_and_minus_one_only() -> None:
    assert set(draw(shape=(10_000,)).tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("seed", [0, 1, -5, 1 << 63, (1 << 64) + 1])
def test_signs_are_balanced(seed: int) -> None:
    from scipy.stats import binomtest

    plus = int((draw(shape=(COUNT,), seed=seed) > 0).sum())
    # Exact two-sided binomial test; five seeds at 2e-7 each spend 1e-6.
    assert binomtest(plus, COUNT, 0.5).pvalue > 2e-7


def test_each_of_the_64_bits_of_a_word_is_balanced() -> None:
    from scipy.stats import binom

    plus = (draw(shape=(COUNT // 64 * 64,), seed=3).reshape(-1, 64) > 0).sum(0)
    n = COUNT // 64
    # 64 two-sided tests share 1e-6.
    low, high = binom.ppf([0.5e-6 / 64, 1 - 0.5e-6 / 64], n, 0.5)
    assert low <= int(plus.min())
    assert int(plus.max()) <= high


def test_neighbouring_probes_tensors_and_entries_are_uncorrelated() -> None:
    a, b = draw(shape=(COUNT,), index=0), draw(shape=(COUNT,), index=1)
    c, d = draw(shape=(COUNT,), seed=1), draw("v", shape=(COUNT,))
    pairs = [(a, b), (a, c), (a, d), (a[1:], a[:-1]), (a[64:], a[:-64])]
    for x, y in pairs:
        # The mean product has standard deviation 10⁻³; each of five tests spends 2e-7 at 5.2 of them.
        assert abs(float((x * y).mean())) < 5.2e-3


def test_no_probe_is_a_shifted_copy_of_another() -> None:
    # A generator started one block later repeats the stream, shifted by the 256 bits of a block.
    first, second = draw(shape=(4096,), index=0), draw(shape=(4096,), index=1)
    for shift in range(0, 2048, 64):
        assert not torch.equal(first[shift : shift + 2048], second[:2048])
        assert not torch.equal(second[shift : shift + 2048], first[:2048])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normals_are_standard(dtype: torch.dtype) -> None:
    z = normals("w", (COUNT,), seed=5, index=3, like=torch.zeros(1, dtype=dtype)).double()
    # Var(mean zᵏ) = (E z²ᵏ − (E zᵏ)²)/n with E z²ᵏ = (2k − 1)!!. Eight tests at 5.3 standard deviations spend 1e-6.
    for k, mean, second in ((1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105)):
        assert abs(float((z**k).mean()) - mean) < 5.3 * math.sqrt((second - mean**2) / COUNT)


def test_float64_normals_use_all_their_digits() -> None:
    z = normals("w", (1000,), seed=0, index=0, like=F64)
    assert bool((z != z.float().double()).any())


@pytest.mark.parametrize("seed", [-(1 << 63), -1, 0, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_any_seed_works_and_low_bits_count(seed: int) -> None:
    # 2^63 and its neighbours once lost their low bits in a conversion to float64.
    assert not torch.equal(draw(seed=seed), draw(seed=seed ^ 1))
    assert torch.equal(draw(seed=seed), draw(seed=seed + (1 << 64)))


def test_derived_seeds_differ_and_fit_63_bits() -> None:
    seeds = [
        derive_seed(s, *labels) for s in (0, 1, -1, 1 << 70) for labels in ((), ("a",), ("a", 0), ("a", 1), ("b", 0), (0, "a"))
    ]
    assert all(0 <= s < 1 << 63 for s in seeds)
    assert all(a != b for a, b in pairwise(sorted(seeds)))
    assert derive_seed(3, "psi", 0) == derive_seed(3, "psi", 0)
