"""F and ∇F of several chains at once: one vectorised pass where the loss is a plain function, one pass a chain elsewhere."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.func import vmap

from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.landscape import Landscape
from villani_verify.losses import FunctionLoss
from villani_verify.memory import halving_batches, is_out_of_memory
from villani_verify.theory.at_once import points_at_once
from villani_verify.theory.inner_products import row_products
from villani_verify.theory.layout import Layout

_NUMBERS_AT_ONCE = 1 << 22
"""Of λθ, so that chains of a large model have it one by one."""


class ChainGradient(Protocol):
    """F (or its estimate from a mini-batch) and the gradient of it, for each chain."""

    def __call__(self, states: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the values, shape (M,) in float64, and gradients, shape (M, d), at states of shape (M, d); the caller's own."""


class ExactGradient:
    """F and ∇F over the whole fixed list of batches."""

    def __init__(self, landscape: Landscape) -> None:
        """Take F; whether its loss can be vectorised is found out at the first call."""
        self._landscape = landscape
        self._layout = Layout(landscape)
        self.vectorised = isinstance(landscape.loss_function, FunctionLoss)
        self._at_once = points_at_once(landscape) if self.vectorised else 1

    def __call__(self, states: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return F and ∇F at each state; `step` does not matter."""
        losses, gradients = self._loss_and_gradients(states)
        return with_decay(self._layout.decay, states, losses, gradients)

    def _loss_and_gradients(self, states: Tensor) -> tuple[Tensor, Tensor]:
        losses = torch.empty(len(states), dtype=torch.float64, device=states.device)
        gradients = torch.empty_like(states)
        if self.vectorised:
            try:
                for loss, slope, part in zip(*(t.split(self._at_once) for t in (losses, gradients, states)), strict=True):
                    loss[:], slope[:] = self._stacked(part)
                return losses, gradients
            except RuntimeError as e:
                if is_out_of_memory(e):
                    raise
                # Python branches on values have no vectorised form; whatever else it is comes up again in the loop.
                self.vectorised = False
        for m, state in enumerate(states):
            point = self._layout.point(state)
            losses[m], gradient = halving_batches(partial(loss_and_gradient, point=point), self._landscape)
            gradients[m] = self._layout.row(gradient)
        return losses, gradients

    def _stacked(self, states: Tensor) -> tuple[Tensor, Tensor]:
        leaves = states.detach().requires_grad_()
        losses = vmap(lambda row: self._landscape.loss_function(self._layout.point(row), None))(leaves)
        if not losses.requires_grad:
            return losses.to(torch.float64), torch.zeros_like(states)
        (gradients,) = torch.autograd.grad(losses.sum(), leaves, allow_unused=True, materialize_grads=True)
        return losses.detach().to(torch.float64), gradients


def with_decay(decay: Tensor, states: Tensor, losses: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
    """Return F = L + ½ Σ λθ², accumulated in float64, and ∇F = ∇L + λθ of each chain, in place of L and ∇L."""
    size = max(1, _NUMBERS_AT_ONCE // states.shape[1])
    for state, loss, gradient in zip(*(t.split(size) for t in (states, losses, gradients)), strict=True):
        decayed = decay * state
        loss += 0.5 * row_products(decayed, state)
        gradient += decayed
    return losses, gradients
