"""Losses in [0, 1], one value a row: token error, clipped cross-entropy, or the user's own.

Cross-entropy itself is not bounded, and no inequality here holds for it. What is not a number counts as the largest loss, so that
the loss is a bounded function everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from villani_verify.batches import Batch
from villani_verify.errors import LandscapeError, RequestError, unknown_name
from villani_verify.landscape import Landscape
from villani_verify.landscapes.models import vocabulary_size
from villani_verify.losses import CausalLoss, ModuleLoss
from villani_verify.points import Point

LOSSES = ("token-error", "clipped-cross-entropy")
# Sums of float32 numbers in [0, 1] may pass the ends by rounding.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class BoundedLoss:
    """A loss whose values, divided by `scale`, are in [0, 1].

    Attributes:
        name: of the loss, in results.
        scale: B, the largest value in the loss's own unit.
        unit: of that value: "errors per token", "nats per token", or what the user says.
        uniform: loss of the predictor that knows nothing, divided by B; None where it is not known.
        of_rows: (θ, batch) ↦ losses of its rows, shape (rows,), divided by B.
    """

    name: str
    scale: float
    unit: str
    uniform: float | None
    of_rows: Callable[[Point, Batch], Tensor] = field(repr=False)

    def __call__(self, point: Point, batch: Batch) -> Tensor:
        """Return the losses of the rows, shape (rows,), float64 on the processor.

        Raises:
            LandscapeError: if they are not one number in [0, 1] for each row.
        """
        with torch.no_grad():
            values = self.of_rows(point, batch).detach().to("cpu", torch.float64)
        count = len(batch) if isinstance(batch, Tensor) else len(batch[0])
        if values.shape != (count,):
            raise LandscapeError(
                f"loss {self.name!r}: it has shape {tuple(values.shape)}, not ({count},); return one number for each row"
            )
        if not bool(((values >= -_ROUNDING) & (values <= 1 + _ROUNDING)).all()):
            worst = float(values[(values - 0.5).abs().argmax()])
            raise LandscapeError(f"loss {self.name!r}: {worst:g} is not in [0, 1], as every bound needs; clip or rescale it")
        return values.clamp(0, 1)


def bounded_loss(landscape: Landscape, name: str, *, clip: float | None = None) -> BoundedLoss:
    """Return the bounded loss called `name` of a language model.

    Args:
        landscape: of a causal language model.
        name: one of `LOSSES`.
        clip: B of the clipped cross-entropy, in nats, fixed before the data; default 2 ln V, twice that of the uniform predictor.
            With B ≤ ln V the uniform predictor has the largest loss there is, and any bound below it would look like learning.

    Raises:
        RequestError: if there is no such loss, the clip is not positive or has no meaning, or the landscape has no tokens.
    """
    check_loss(name, clip)
    if not isinstance(landscape.loss_function, CausalLoss):
        raise RequestError(
            f"loss {name!r} of landscape {landscape.name!r}: it is no language model, so it has no tokens; give one, or in Python "
            "a loss in [0, 1] of your own by `module_loss`"
        )
    model = landscape.loss_function.model
    vocabulary = vocabulary_size(model)
    if name == "token-error":
        return BoundedLoss(name, 1.0, "errors per token", 1 - 1 / vocabulary, _of_logits(model, token_errors))
    bound = 2 * math.log(vocabulary) if clip is None else float(clip)
    of_rows = _of_logits(model, lambda logits, tokens: clipped_cross_entropies(logits, tokens, bound))
    return BoundedLoss(name, bound, "nats per token", min(math.log(vocabulary), bound) / bound, of_rows)


def module_loss(
    landscape: Landscape,
    fn: Callable[[Any, Any], Tensor],
    *,
    name: str = "loss",
    scale: float = 1.0,
    unit: str = "loss",
    uniform: float | None = None,
) -> BoundedLoss:
    """Return a bounded loss of a landscape made by `Landscape.from_module`.

    Args:
        landscape: its module gives the outputs, its batches the examples.
        fn: (outputs, targets) ↦ losses in [0, B], shape (rows,); need not be differentiable.
        name: for results.
        scale: B > 0.
        unit: of the losses.
        uniform: loss of the predictor that knows nothing, in the loss's unit, if there is one.

    Raises:
        RequestError: if B is not positive and finite, or the landscape has no module.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise RequestError(
            f"scale {scale} of loss {name!r}: it is not a positive finite number; give the largest value of the loss"
        )
    if not isinstance(landscape.loss_function, ModuleLoss):
        raise RequestError(f"loss {name!r} of landscape {landscape.name!r}: it was not made by from_module; make it so")
    module = landscape.loss_function.module

    def of_rows(point: Point, batch: Batch) -> Tensor:
        inputs, targets = batch
        return fn(functional_call(module, dict(point), (inputs,)), targets) / scale

    return BoundedLoss(name, scale, unit, None if uniform is None else uniform / scale, of_rows)


def check_loss(name: str, clip: float | None) -> None:
    """Raise RequestError if there is no such loss, or its clip is not positive or has no meaning."""
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    if clip is None:
        return
    if name != "clipped-cross-entropy":
        raise RequestError(f"clip {clip:g}: the loss {name!r} has none; leave it out, or use the loss clipped-cross-entropy")
    if not (math.isfinite(clip) and clip > 0):
        raise RequestError(f"clip {clip}: it is not a positive finite number of nats; give one such as 5")


def token_errors(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return for each row the fraction of tokens that are not the most likely one, from logits (B, T, V) and tokens (B, T)."""
    largest, guesses = logits[:, :-1].max(dim=-1)
    return ((guesses != tokens[:, 1:]) | ~largest.isfinite()).double().mean(dim=1)


def clipped_cross_entropies(logits: Tensor, tokens: Tensor, clip: float) -> Tensor:
    """Return for each row the mean of min(−ln p(next token), B)/B, from logits (B, T, V) and tokens (B, T)."""
    log_p = logits[:, :-1].log_softmax(dim=-1).gather(-1, tokens[:, 1:, None]).squeeze(-1)
    return torch.nan_to_num(-log_p.double(), nan=clip, posinf=clip).clamp(0, clip).mean(dim=1) / clip


def _of_logits(model: nn.Module, of_rows: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Point, Batch], Tensor]:
    return lambda point, tokens: of_rows(functional_call(model, dict(point), (tokens,), {"use_cache": False}).logits, tokens)
