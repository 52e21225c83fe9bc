"""L on one batch as a function of the named tensors: of a function, of a module, of a language model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from villani_verify.batches import Batch
from villani_verify.points import Point


class LossFunction(Protocol):
    """The mean of L over one batch, as a function of the named tensors."""

    def __call__(self, point: Point, batch: Batch) -> Tensor:
        """Return a scalar tensor, differentiable twice in every tensor of `point`."""

    def to(self, device: torch.device, dtype: torch.dtype) -> LossFunction:
        """Return the same function with its own constants moved and cast."""


class FunctionLoss:
    """L given as a function of one 1-D tensor."""

    def __init__(self, fn: Callable[[Tensor], Tensor], names: Sequence[str]) -> None:
        self.fn = fn
        self.names = tuple(names)

    def __call__(self, point: Point, batch: Batch) -> Tensor:
        """Return L(θ); there is no data."""
        # By name: a point that was saved and read again may list its tensors in another order.
        return self.fn(torch.cat([point[n].reshape(-1) for n in self.names]))

    def to(self, device: torch.device, dtype: torch.dtype) -> LossFunction:
        """Return self: the function holds no constants that are known here."""
        return self


class ModuleLoss:
    """loss(module(inputs), targets)."""

    def __init__(self, module: nn.Module, loss: Callable[[Any, Any], Tensor]) -> None:
        self.module = module
        self.loss = loss

    def __call__(self, point: Point, batch: Batch) -> Tensor:
        """Return the mean over the batch."""
        inputs, targets = batch
        return self.loss(functional_call(self.module, dict(point), (inputs,)), targets)

    def to(self, device: torch.device, dtype: torch.dtype) -> LossFunction:
        """Return the loss of a copy of the module, moved and cast."""
        return ModuleLoss(copy.deepcopy(self.module).to(device, dtype), self.loss)


class CausalLoss:
    """Mean next-token cross-entropy in nats, from the logits and in their dtype."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __call__(self, point: Point, batch: Tensor) -> Tensor:
        """Return the mean over the batch's (length − 1) × rows predictions."""
        return next_token_loss(functional_call(self.model, dict(point), (batch,), {"use_cache": False}).logits, batch)

    def to(self, device: torch.device, dtype: torch.dtype) -> LossFunction:
        """Return the loss of a copy of the model, moved and cast."""
        return CausalLoss(copy.deepcopy(self.model).to(device, dtype))


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the mean of −log p(token_{i+1} | tokens ≤ i) over logits (B, T, V) and tokens (B, T)."""
    predictions = logits[:, :-1].reshape(-1, logits.shape[-1])
    return nn.functional.cross_entropy(predictions, tokens[:, 1:].reshape(-1))
