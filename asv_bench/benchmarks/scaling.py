"""How the cost of samples of the Laplacian grows: the exponent of seconds in tokens, layers, width and probes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .cases import DEVICES, SEED, has_cuda
from .clock import seconds_of

# So small that the head's cost, which no layer adds to, hardly counts.
VOCABULARY = 256
ROUNDS = 5


@dataclass(frozen=True)
class Shape:
    """A GPT-Neo of random initialisation on random tokens, and the probes of a call."""

    tokens: int = 128
    layers: int = 4
    width: int = 256
    probes: int = 8


AXES = {"tokens": (64, 128, 256, 512), "layers": (2, 4, 8, 16), "width": (128, 256, 512, 1024), "probes": (8, 16, 32, 64)}
"""What grows, from eightfold smaller to the largest; the rest stays as in `Shape`."""


class Scaling:
    """Slopes of log seconds in log size. One for each matrix product says 1 in tokens, layers and probes, 2 in width."""

    params = (list(AXES), list(DEVICES))
    param_names = ("axis", "device")
    timeout = 1800.0

    def setup(self, axis: str, device: str) -> None:
        """Skip what this machine cannot do."""
        if device == "cuda" and not has_cuda():
            raise NotImplementedError("no CUDA device")

    def track_exponent(self, axis: str, device: str) -> float:
        """Return the slope of a straight line through the medians."""
        sizes = AXES[axis]
        calls = [call(replace(Shape(), **{axis: size}), device) for size in sizes]
        return exponent(sizes, medians_in_turn(calls, device))

    track_exponent.unit = "exponent"


def call(shape: Shape, device: str) -> Callable[[], Any]:
    """Return a call that draws the samples, after one that exports the graph and touches memory."""
    import torch
    from transformers import AutoModelForCausalLM

    from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
    from villani_verify.landscape import Landscape
    from villani_verify.landscapes.architectures import gpt_neo_config

    torch.manual_seed(SEED)
    config = gpt_neo_config(
        vocab_size=VOCABULARY, hidden_size=shape.width, num_heads=shape.width // 64, pairs=shape.layers // 2,
        window=256, positions=max(AXES["tokens"]),
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").to(device)
    landscape = Landscape.causal_lm(model, torch.randint(VOCABULARY, (1, shape.tokens)).to(device))
    engine = SecondOrderTaylor()

    def samples() -> list[float]:
        return engine.laplacian_samples(landscape, landscape.initial, seed=SEED, indices=range(shape.probes))

    samples()
    return samples


def medians_in_turn(calls: Sequence[Callable[[], Any]], device: str) -> list[float]:
    """Return the median seconds of each call; what slows the machine down for a while slows all of a round."""
    rounds = [[seconds_of(one, device) for one in calls] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the least-squares slope of log seconds in log size."""
    import numpy as np

    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
