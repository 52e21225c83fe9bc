"""Signs drawn by the kernel are those that the processor draws, bit by bit."""

from __future__ import annotations

import pytest
import torch

from villani_verify.curvature import probes
from villani_verify.curvature.probe_addresses import AddressBuffer
from villani_verify.curvature.probes import stacked_signs

SEEDS = (0, 5, -3, (1 << 63) + 7)
INDICES = (0, 3, 1 << 40)


@pytest.fixture
def on_gpu(device, monkeypatch):
    """(arguments of `stacked_signs`) ↦ the signs that the kernel draws."""
    from villani_verify.curvature.kernels import philox

    def draw(*arguments, like, **options):
        with monkeypatch.context() as here:
            here.setattr(probes, "sign_kernels_for", lambda device: philox)
            if device.type == "cpu":
                here.setattr(torch.Tensor, "pin_memory", lambda self: self)
            return stacked_signs(*arguments, like=like.to(device), **options).cpu()

    return draw


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", [(), (1,), (63,), (257,), (5, 1000), (0,)])
def test_the_bits_are_those_of_the_processor(on_gpu, seed, shape) -> None:
    like = torch.zeros(1)
    for name in ("w", "transformer.h.0.mlp.c_fc.weight rows"):
        drawn = on_gpu(name, shape, seed=seed, indices=INDICES, like=like)
        assert torch.equal(drawn, stacked_signs(name, shape, seed=seed, indices=INDICES, like=like))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_in_every_dtype(on_gpu, dtype) -> None:
    like = torch.zeros(1, dtype=dtype)
    drawn = on_gpu("w", (300,), seed=1, indices=(2,), like=like)
    assert drawn.dtype == dtype
    assert torch.equal(drawn, stacked_signs("w", (300,), seed=1, indices=(2,), like=like))


def test_an_address_buffer_decides_when_it_is_drawn(on_gpu, device, monkeypatch) -> None:
    if device.type == "cpu":
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    buffer = AddressBuffer(device, 1, (0, 1))
    buffer.fill(4, (8, 9))
    with buffer.open():
        drawn = on_gpu("w", (70,), seed=1, indices=(0, 1), like=torch.zeros(1))
        second = on_gpu("w", (70,), seed=1, indices=(1,), like=torch.zeros(1))
        with pytest.raises(ValueError, match="draws the probes"):
            on_gpu("w", (70,), seed=1, indices=(0, 2), like=torch.zeros(1))
    assert torch.equal(drawn, stacked_signs("w", (70,), seed=4, indices=(8, 9), like=torch.zeros(1)))
    assert torch.equal(second, drawn[1:])
