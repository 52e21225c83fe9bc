"""A linear classifier whose every quantity has a closed form, and a tiny language model."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from scipy.special import ndtr
from torch import Tensor, nn

from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.theory.pac_bayes.bounded_losses import BoundedLoss, module_loss
from villani_verify.theory.pac_bayes.sample import Sample

F64 = torch.float64


@dataclass(frozen=True)
class Linear:
    """Predict sign(θ·x) for standard normal x in R³ whose label is sign(u·x), flipped with probability 0.1; 0/1 loss.

    A draw θ ~ N(w, σ²I) errs on (x, y) with probability Φ(−y w·x/(σ‖x‖)) (Langford and Shawe-Taylor 2002).
    """

    landscape: Landscape
    loss: BoundedLoss
    training: Sample
    held_out: Sample
    weights: Tensor

    def gibbs_loss(self, sample: Sample, sd: float) -> float:
        """L̂(Q) in closed form."""
        x, y = sample.batch
        margins = y * (x @ self.weights) / x.norm(dim=1)
        return float(ndtr(-(margins / sd).numpy()).mean())


def zero_one(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.squeeze(-1) * targets <= 0).double()


def examples(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, generator=generator, dtype=F64)
    flips = torch.rand(count, generator=generator) < 0.1
    return x, torch.where(flips, -1.0, 1.0).double() * (x @ torch.tensor([1.0, -0.5, 0.25], dtype=F64)).sign()


@pytest.fixture(scope="session")
def linear() -> Linear:
    weights = torch.tensor([2.0, -1.1, 0.4], dtype=F64)
    module = nn.Linear(3, 1, bias=False, dtype=F64)
    with torch.no_grad():
        module.weight.copy_(weights[None])
    x, y = examples(2000, 0)
    batches = [(x[:900], y[:900]), (x[900:], y[900:])]
    landscape = Landscape.from_module(module, lambda out, y: nn.functional.softplus(-out.squeeze(-1) * y).mean(), batches)
    loss = module_loss(landscape, zero_one, name="zero-one", unit="errors", uniform=0.5)
    held_out = Sample(examples(1500, 1), "drawn", independent=True, seen=False)
    return Linear(landscape, loss, Sample((x, y), "drawn", independent=True, seen=True), held_out, weights)


@pytest.fixture(scope="session")
def tiny() -> Landscape:
    return LandscapeRequest(landscape="gpt-neo-tiny", sequences=12, sequence_length=8).load()
