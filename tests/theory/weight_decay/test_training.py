from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from villani_verify.errors import ModelError, RequestError
from villani_verify.landscapes.architectures import gpt_neo_tiny
from villani_verify.losses import next_token_loss
from villani_verify.theory.weight_decay.training import Decay, Schedule, mean_loss, train

TOKENS = torch.from_numpy(np.random.default_rng(0).integers(0, 7, 400))
SCHEDULE = Schedule(steps=8, rows=4, length=12, learning_rate=0.01)


def trained(decay: Decay, weight_decay: float, seed: int = 0, schedule: Schedule = SCHEDULE) -> torch.Tensor:
    model = gpt_neo_tiny()
    train(model, TOKENS, weight_decay=weight_decay, decay=decay, schedule=schedule, seed=seed)
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


def naive(decay: Decay, weight_decay: float) -> torch.Tensor:
    """Adam as Kingma and Ba write it, with the decay in the gradient or beside the step."""
    model = gpt_neo_tiny()
    parameters = list(model.parameters())
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    starts = np.random.Generator(np.random.Philox(key=[0, 0]))
    for t in range(1, 9):
        rate = 0.01 * (t / 2 if t <= 2 else 0.5 * (1 + math.cos(math.pi * (t - 1 - 2) / 6)))
        batch = torch.stack([TOKENS[i : i + 12] for i in starts.integers(0, 400 - 12, 4).tolist()])
        gradients = torch.autograd.grad(next_token_loss(model(batch, use_cache=False).logits, batch), parameters, allow_unused=True)
        gradients = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients, strict=True)]
        length = math.sqrt(sum(float((g**2).sum()) for g in gradients))
        gradients = [g / max(1.0, length + 1e-6) for g in gradients]
        with torch.no_grad():
            for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
                if decay is Decay.L2:
                    g = g + weight_decay * p
                else:
                    p -= rate * weight_decay * p
                m.mul_(0.9).add_(0.1 * g)
                v.mul_(0.98).add_(0.02 * g**2)
                p -= rate * (m / (1 - 0.9**t)) / ((v / (1 - 0.98**t)).sqrt() + 1e-8)
    return torch.cat([p.detach().reshape(-1) for p in parameters])


@pytest.mark.parametrize("decay", list(Decay))
def test_against_the_formulae(decay) -> None:
    found, expected = trained(decay, 0.3), naive(decay, 0.3)
    assert float((found - expected).abs().max()) < 1e-7


def test_without_decay_the_kinds_are_one_and_with_it_they_are_not() -> None:
    assert torch.equal(trained(Decay.L2, 0.0), trained(Decay.DECOUPLED, 0.0))
    assert not torch.equal(trained(Decay.L2, 0.3), trained(Decay.DECOUPLED, 0.3))


def test_only_the_seed_decides() -> None:
    torch.manual_seed(1)
    first = trained(Decay.L2, 0.1)
    torch.manual_seed(2)
    assert torch.equal(first, trained(Decay.L2, 0.1))
    assert not torch.equal(first, trained(Decay.L2, 0.1, seed=1))


def test_the_rate_rises_and_falls() -> None:
    schedule = Schedule(steps=300)
    shares = [schedule.share(i) for i in range(300)]
    assert shares[49] == 1.0
    assert max(shares) == 1.0
    assert shares[:50] == sorted(shares[:50])
    assert shares[50:] == sorted(shares[50:], reverse=True)
    assert shares[-1] < 1e-3
    assert Schedule(steps=1).share(0) == 1.0


def test_progress_is_told() -> None:
    told = []
    train(gpt_neo_tiny(), TOKENS, weight_decay=0.1, decay=Decay.L2, schedule=SCHEDULE, seed=0, progress=lambda *x: told.append(x))
    assert told == [(i, 8) for i in range(1, 9)]


def test_mean_loss_counts_rows_alike() -> None:
    model = gpt_neo_tiny()
    rows = TOKENS[: 33 * 12].reshape(33, 12)  # not a multiple of the batch
    with torch.no_grad():
        expected = float(next_token_loss(model(rows, use_cache=False).logits, rows))
    assert mean_loss(model, rows) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "training steps 0: too few"),
        ({"steps": 5, "rows": 0}, "training rows 0"),
        ({"steps": 5, "length": 1}, "training length 1"),
        ({"steps": 5, "learning_rate": 0.0}, "learning rate 0: it is not a positive number"),
    ],
)
def test_schedules_that_are_none(arguments, message) -> None:
    with pytest.raises(RequestError, match=message):
        Schedule(**arguments)


def test_what_cannot_be_trained() -> None:
    with pytest.raises(RequestError, match=r"weight decay -0\.1: it is not a number of at least 0"):
        trained(Decay.L2, -0.1)
    with pytest.raises(RequestError, match="20 tokens are fewer than two rows of 12"):
        train(gpt_neo_tiny(), TOKENS[:20], weight_decay=0.1, decay=Decay.L2, schedule=SCHEDULE, seed=0)
    model = gpt_neo_tiny()
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(ModelError, match="training at step 0: the loss is nan; give a smaller learning rate"):
        train(model, TOKENS, weight_decay=0.1, decay=Decay.L2, schedule=SCHEDULE, seed=0)
