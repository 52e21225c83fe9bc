"""Training a language model with either kind of weight decay, from addressed random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from villani_verify.errors import ModelError, RequestError
from villani_verify.losses import next_token_loss

_WARM_UP = 50
_BETAS = (0.9, 0.98)
_LONGEST_GRADIENT = 1.0
_ROWS_TO_EVALUATE = 16


class Decay(StrEnum):
    """Where the weight decay enters.

    L2: λθ is added to the gradient, as F = L + ½λ‖θ‖² has it, and Adam rescales the sum (Adam with L2).
    DECOUPLED: θ shrinks by the learning rate times λ beside the step (AdamW; Loshchilov and Hutter 2019); no F has these steps.
    """

    L2 = "l2"
    DECOUPLED = "decoupled"


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        steps: number of optimizer steps.
        rows: of tokens in a step.
        length: tokens in a row.
        learning_rate: the largest; it rises linearly over 50 steps and falls like half a cosine.
    """

    steps: int
    rows: int = 8
    length: int = 64
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        for name in ("steps", "rows", "length"):
            if getattr(self, name) < (2 if name == "length" else 1):
                raise RequestError(f"training {name} {getattr(self, name)}: too few; give a larger number")
        if not 0 < self.learning_rate < math.inf:
            raise RequestError(f"learning rate {self.learning_rate:g}: it is not a positive number; give one such as 0.003")

    def share(self, step: int) -> float:
        """Return the share of the learning rate at a step."""
        warm_up = min(_WARM_UP, self.steps // 4)
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (self.steps - warm_up)))


def train(
    model: nn.Module,
    tokens: Tensor,
    *,
    weight_decay: float,
    decay: Decay,
    schedule: Schedule,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Train a model in place with Adam or AdamW on rows drawn from a text.

    Args:
        model: called as `model(input_ids, use_cache=False).logits`.
        tokens: int64, one-dimensional.
        weight_decay: λ ≥ 0, of every parameter.
        decay: which kind.
        schedule: steps, rows and learning rate.
        seed: draws the rows, whatever the global random state is.
        progress: is told (steps done, steps in all).

    Raises:
        RequestError: if the decay is negative, or the text shorter than two rows.
        ModelError: if the loss is no longer finite.
    """
    if not 0 <= weight_decay < math.inf:
        raise RequestError(f"weight decay {weight_decay:g}: it is not a number of at least 0; give λ ≥ 0")
    if len(tokens) < 2 * schedule.length:
        raise RequestError(f"training text: {len(tokens)} tokens are fewer than two rows of {schedule.length}; give a longer text")
    model.train()
    kind: Any = torch.optim.Adam if decay is Decay.L2 else torch.optim.AdamW
    optimizer = kind(model.parameters(), lr=schedule.learning_rate, betas=_BETAS, weight_decay=weight_decay)
    starts = np.random.Generator(np.random.Philox(key=[seed, 0]))
    for step in range(schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * schedule.share(step)
        rows = starts.integers(0, len(tokens) - schedule.length, schedule.rows)
        batch = torch.stack([tokens[i : i + schedule.length] for i in rows.tolist()])
        loss = next_token_loss(model(batch, use_cache=False).logits, batch)
        if not bool(torch.isfinite(loss)):
            raise ModelError(f"training at step {step}: the loss is {float(loss)}; give a smaller learning rate")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), _LONGEST_GRADIENT)
        optimizer.step()
        if progress is not None:
            progress(step + 1, schedule.steps)
    model.eval()


@torch.no_grad()
def mean_loss(model: nn.Module, rows: Tensor) -> float:
    """Return the mean next-token loss in nats over rows of tokens (count, length)."""
    parts = [(float(next_token_loss(model(r, use_cache=False).logits, r)), len(r)) for r in rows.split(_ROWS_TO_EVALUATE)]
    return math.fsum(x * n for x, n in parts) / sum(n for _, n in parts)
