from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.theory.langevin import sgld
from villani_verify.theory.langevin.chains import run_chains
from villani_verify.theory.langevin.gradients import ExactGradient
from villani_verify.theory.langevin.observables import observables_for
from villani_verify.theory.langevin.settings import ChainSettings
from villani_verify.theory.langevin.sgld import MinibatchGradient, gradient_noise
from villani_verify.theory.layout import Layout


def regression(cut: int = 5, weight_decay: float = 0.1) -> Landscape:
    torch.manual_seed(0)
    module, inputs, targets = nn.Linear(3, 1).double(), torch.randn(5, 3).double(), torch.randn(5, 1).double()
    batches = list(zip(inputs.split(cut), targets.split(cut), strict=True))
    return Landscape.from_module(module, nn.functional.mse_loss, batches, weight_decay=weight_decay, name="regression")


def every_minibatch_gradient(landscape: Landscape, batch: int, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """Return ∇F̃(θ₀) of each of the mini-batches that can be drawn."""
    state = Layout(landscape).row(landscape.initial)[None]
    found = []
    for chosen in itertools.combinations(range(5), batch):
        monkeypatch.setattr(sgld, "minibatch_rows", lambda *_, rows=chosen, **__: torch.tensor(rows))
        found.append(MinibatchGradient(landscape, batch, 0)(state, 0)[1][0])
    return torch.stack(found)


@pytest.mark.parametrize("cut", [5, 2])
@pytest.mark.parametrize("batch", [1, 2, 4, 5])
def test_mean_and_covariance_over_all_mini_batches(batch: int, cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = regression(cut)
    gradients = every_minibatch_gradient(landscape, batch, monkeypatch)
    exact = ExactGradient(landscape)(Layout(landscape).row(landscape.initial)[None], 0)[1][0]
    torch.testing.assert_close(gradients.mean(0), exact, rtol=1e-12, atol=1e-12)
    centred = gradients - exact
    covariance = centred.T @ centred / len(gradients)
    noise = gradient_noise(landscape, batch)
    assert noise.trace == pytest.approx(float(covariance.trace()), rel=1e-10, abs=1e-12)
    assert noise.largest_eigenvalue == pytest.approx(float(torch.linalg.eigvalsh(covariance)[-1]), rel=1e-10, abs=1e-12)
    assert (noise.batch, noise.rows) == (batch, 5)
    assert noise.heating(0.1, 0.5) == pytest.approx(0.2 * noise.largest_eigenvalue)


def test_large_models_have_the_trace_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gradient_noise(regression(), 2)
    monkeypatch.setattr(sgld, "NUMBERS_KEPT", 19)
    few = gradient_noise(regression(), 2)
    assert few.largest_eigenvalue is None
    assert few.heating(0.1, 0.5) is None
    assert few.trace == whole.trace


def test_a_mini_batch_of_all_rows_is_the_exact_chain() -> None:
    landscape = regression(2)
    settings = ChainSettings(0.1, 0.05, 3, 20)
    exact, batched = (
        run_chains(landscape, s, observables_for(landscape, None)) for s in (settings, ChainSettings(0.1, 0.05, 3, 20, batch=5))
    )
    torch.testing.assert_close(exact.states, batched.states, rtol=1e-10, atol=1e-12)


def test_sequences_of_tokens_can_be_drawn() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.zeros(4, 4))

        def forward(self, tokens, use_cache):
            return type("Output", (), {"logits": self.table[tokens]})

    landscape = Landscape.causal_lm(Model(), torch.arange(12).reshape(3, 4) % 4, weight_decay=0.1, sequences_per_batch=2)
    states = Layout(landscape).row(landscape.initial)[None]
    exact = ExactGradient(landscape)(states, 0)
    for found, expected in zip(MinibatchGradient(landscape, 3, 0)(states, 0), exact, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("batch", [0, 6, -1])
def test_batches_out_of_range_are_refused(batch: int) -> None:
    with pytest.raises(
        RequestError, match=rf"^mini-batch of {batch} rows: landscape 'regression' has 5; give a number from 1 to 5$"
    ):
        gradient_noise(regression(), batch)


def test_landscapes_without_equal_rows_are_refused() -> None:
    with pytest.raises(RequestError, match=r"^mini-batches of landscape 'function': it has no rows of one shape"):
        gradient_noise(Landscape.from_function(lambda x: x.square().sum(), 2), 1)
    tokens = torch.tensor([[0, 1], [1, -100]])
    masked = Landscape.from_module(
        nn.Embedding(2, 2), lambda out, y: out.square().mean(), [(tokens.clamp(min=0), tokens)], name="masked"
    )
    with pytest.raises(RequestError, match="different numbers of terms"):
        gradient_noise(masked, 1)
