"""The object everything else looks at: F(θ) = L(θ) + ½ Σ_t λ_t ‖θ_t‖² over named tensors θ = {name: tensor}.

L ≥ 0 is a mean over a *fixed* list of batches, each weighted by its number of terms (tokens), so that
F is deterministic and does not depend on how the data was split. A tensor shared by two layers counts
once. λ_t is per tensor, because real training leaves biases and LayerNorm undecayed.
"""

from __future__ import annotations

import copy
import fnmatch
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from villani_verify.batches import Batch, count_terms, cut, move, rows
from villani_verify.errors import LandscapeError, RequestError, one_line
from villani_verify.losses import CausalLoss, FunctionLoss, LossFunction, ModuleLoss
from villani_verify.memory import halving_batches, is_out_of_memory
from villani_verify.points import Point, StoredPoint, squared_norm, templates_of


@dataclass(frozen=True)
class Landscape:
    """A regularised loss landscape.

    Build one with `from_function`, `from_module` or `causal_lm`.

    Attributes:
        name: how reports call it.
        loss_function: mean loss of one batch.
        batches: the fixed list of batches.
        batch_weights: number of terms in each batch; L = Σ w_b L_b / Σ w_b.
        initial: the reference point θ₀ (initial or trained parameters).
        decay: λ_t for each tensor of `initial`.
        expected: criterion name → expected status, where the answer is known.
        request: what the command line needs to build it again; None for one made in Python.
    """

    name: str
    loss_function: LossFunction = field(repr=False)
    batches: tuple[Batch, ...] = field(repr=False)
    batch_weights: tuple[float, ...] = field(repr=False)
    initial: dict[str, Tensor] = field(repr=False)
    decay: dict[str, float] = field(repr=False)
    expected: Mapping[str, str] = field(default_factory=dict)
    request: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def from_function(
        cls,
        fn: Callable[[Tensor], Tensor],
        dimension: int,
        *,
        weight_decay: float | Mapping[str, float] = 0.0,
        blocks: Mapping[str, int] | None = None,
        initial: Tensor | None = None,
        no_decay: Sequence[str] = (),
        name: str = "function",
        expected: Mapping[str, str] | None = None,
    ) -> Landscape:
        """Make a landscape of L(θ) = `fn`(θ), with `fn` from a 1-D tensor to a scalar tensor.

        Args:
            fn: L, of a 1-D tensor of length `dimension`; must use torch operations only.
            dimension: `d`.
            weight_decay: λ, one number, or one for each name of `blocks` (patterns allowed).
            blocks: name → length, in order, if the numbers fall into named groups; default {"theta": d}.
            initial: θ₀, 1-D of length `dimension`, float64; default all ones / √d.
            no_decay: patterns of block names with λ = 0.
            name: for reports.
            expected: known statuses, criterion name → status.

        Raises:
            RequestError: if the dimension, the blocks or the decay do not fit together.
        """
        if dimension < 1:
            raise RequestError(f"dimension of landscape {name!r}: {dimension} is not at least 1; give a positive integer")
        sizes = dict(blocks) if blocks is not None else {"theta": dimension}
        if sum(sizes.values()) != dimension or min(sizes.values()) < 1:
            raise RequestError(f"blocks of landscape {name!r}: {sizes} does not add up to dimension {dimension}; mend the lengths")
        start = torch.full((dimension,), dimension**-0.5, dtype=torch.float64) if initial is None else initial.detach()
        if start.shape != (dimension,):
            raise RequestError(
                f"initial point of landscape {name!r}: shape {tuple(start.shape)} is not ({dimension},); give a 1-D tensor"
            )
        point = {n: t.clone() for n, t in zip(sizes, start.split(list(sizes.values())), strict=True)}
        decay = _decay_of(point, weight_decay, no_decay)
        return cls(name, FunctionLoss(fn, list(sizes)), (None,), (1.0,), point, decay, dict(expected or {}))

    @classmethod
    def from_module(
        cls,
        module: nn.Module,
        loss: Callable[[Any, Any], Tensor],
        batches: Sequence[tuple[Any, Any]],
        *,
        weight_decay: float | Mapping[str, float] = 0.0,
        no_decay: Sequence[str] = (),
        weights: Sequence[float] | None = None,
        name: str | None = None,
        expected: Mapping[str, str] | None = None,
    ) -> Landscape:
        """Make a landscape of a module, a loss and a fixed list of (inputs, targets) batches.

        Args:
            module: any module; a copy in evaluation mode is kept, so dropout is off and the original is not touched.
                Parameters that do not require a gradient are constants.
            loss: `loss(module(inputs), targets)` → mean over the batch.
            batches: list of (inputs, targets).
            weight_decay: λ, one number, or one for each parameter name (patterns allowed).
            no_decay: patterns of parameter names with λ = 0, such as `*.bias`.
            weights: number of terms in each batch; default the number of targets that are not −100.
            name: for reports; default the module's class name.
            expected: known statuses, criterion name → status.

        Raises:
            RequestError: if there is no batch, no parameter, or a pattern matches nothing.
        """
        label = name or type(module).__name__
        if not batches:
            raise RequestError(f"batches of landscape {label!r}: the list is empty; give at least one (inputs, targets)")
        kept = copy.deepcopy(module).eval()
        counted = [count_terms(targets) for _, targets in batches] if weights is None else [float(w) for w in weights]
        if len(counted) != len(batches) or not all(w > 0 for w in counted):
            raise RequestError(f"weights of landscape {label!r}: {counted} is not one positive number a batch; mend them")
        return cls._of_module(kept, ModuleLoss(kept, loss), tuple(batches), tuple(counted), weight_decay, no_decay, label, expected)

    @classmethod
    def causal_lm(
        cls,
        model: nn.Module,
        sequences: Tensor,
        *,
        weight_decay: float | Mapping[str, float] = 0.0,
        no_decay: Sequence[str] = (),
        sequences_per_batch: int | None = None,
        name: str | None = None,
        expected: Mapping[str, str] | None = None,
    ) -> Landscape:
        """Make a landscape of a Hugging Face causal language model on fixed token sequences.

        L is the mean next-token cross-entropy in nats, computed here from the logits in the model's own
        dtype; the library's loss casts to float32. The model is put in evaluation mode and kept, not copied.

        Args:
            model: called as `model(input_ids, use_cache=False).logits`.
            sequences: int64 tensor (number of sequences, length ≥ 2).
            weight_decay: λ, one number, or one for each parameter name (patterns allowed).
            no_decay: patterns of parameter names with λ = 0.
            sequences_per_batch: micro-batch; changes memory, never the result. Default all at once.
            name: for reports; default the model's class name.
            expected: known statuses, criterion name → status.

        Raises:
            RequestError: if the sequences have another shape, or a pattern matches nothing.
        """
        label = name or type(model).__name__
        if sequences.dim() != 2 or sequences.shape[1] < 2 or sequences.shape[0] < 1:
            raise RequestError(
                f"sequences of landscape {label!r}: shape {tuple(sequences.shape)} is not (count ≥ 1, length ≥ 2); cut it anew"
            )
        batches = sequences.split(sequences_per_batch or len(sequences))
        weights = tuple(float(len(b) * (b.shape[1] - 1)) for b in batches)
        return cls._of_module(model.eval(), CausalLoss(model), batches, weights, weight_decay, no_decay, label, expected)

    @classmethod
    def _of_module(
        cls,
        module: nn.Module,
        loss: LossFunction,
        batches: tuple[Batch, ...],
        weights: tuple[float, ...],
        weight_decay: float | Mapping[str, float],
        no_decay: Sequence[str],
        name: str,
        expected: Mapping[str, str] | None,
    ) -> Landscape:
        point = _trainable(module)
        if not point:
            raise RequestError(f"landscape {name!r}: no parameter requires a gradient; unfreeze at least one")
        return cls(name, loss, batches, weights, point, _decay_of(point, weight_decay, no_decay), dict(expected or {}))

    @property
    def dimension(self) -> int:
        """d, the number of parameters; tied ones count once."""
        return sum(t.numel() for t in templates_of(self.initial).values())

    @property
    def device(self) -> torch.device:
        """Device of the parameters."""
        return next(iter(templates_of(self.initial).values())).device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the parameters."""
        return next(iter(templates_of(self.initial).values())).dtype

    @property
    def decay_laplacian(self) -> float:
        """The Laplacian Σ_t λ_t d_t of the decay term, which is exact and never estimated."""
        templates = templates_of(self.initial)
        return math.fsum(lam * templates[name].numel() for name, lam in self.decay.items())

    @property
    def undecayed(self) -> tuple[str, ...]:
        """Names of the tensors with λ = 0."""
        return tuple(name for name, lam in self.decay.items() if lam == 0)

    @property
    def smallest_decay(self) -> float:
        """min_t λ_t."""
        return min(self.decay.values())

    def weighted_batches(self) -> list[tuple[float, Batch]]:
        """Return (weight, batch) with weights that add up to one."""
        total = math.fsum(self.batch_weights)
        return [(w / total, b) for w, b in zip(self.batch_weights, self.batches, strict=True)]

    def loss(self, point: Point) -> float:
        """Return L(θ), accumulated in float64; batches are halved where memory runs out."""

        def total(landscape: Landscape) -> float:
            return math.fsum(w * float(landscape.loss_function(point, b)) for w, b in landscape.weighted_batches())

        with torch.no_grad():
            return halving_batches(total, self)

    def decay_value(self, point: Point) -> float:
        """Return ½ Σ_t λ_t ‖θ_t‖², accumulated in float64."""
        return 0.5 * math.fsum(lam * squared_norm(point[n]) for n, lam in self.decay.items() if lam)

    def value(self, point: Point) -> float:
        """Return F(θ)."""
        return self.loss(point) + self.decay_value(point)

    def with_decay(self, weight_decay: float | Mapping[str, float], no_decay: Sequence[str] = ()) -> Landscape:
        """Return the same loss with another weight decay."""
        return replace(self, decay=_decay_of(self.initial, weight_decay, no_decay))

    def at(self, point: Point) -> Landscape:
        """Return the same landscape with another reference point."""
        return replace(self, initial={n: point[n].detach() for n in self.initial})

    def to(self, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Landscape:
        """Return the landscape on another device or in another floating-point dtype."""
        where = torch.device(device) if device is not None else self.device
        kind = dtype or self.dtype
        if where == self.device and kind == self.dtype:
            return self
        return replace(
            self,
            loss_function=self.loss_function.to(where, kind),
            batches=tuple(move(b, where, kind) for b in self.batches),
            initial={n: t.to(where, kind) for n, t in self.initial.items()},
        )

    def halved(self) -> Landscape | None:
        """Return the same landscape with every batch cut in two, or None if each batch is a single row."""
        batches: list[Batch] = []
        weights: list[float] = []
        for weight, batch in zip(self.batch_weights, self.batches, strict=True):
            count = rows(batch)
            if count < 2:
                batches.append(batch)
                weights.append(weight)
                continue
            for part in (slice(0, count // 2), slice(count // 2, count)):
                piece = cut(batch, part)
                share = (part.stop - part.start) / count
                # Rows of a token batch have equally many terms; other targets are counted again.
                part_weight = weight * (share if isinstance(batch, Tensor) else count_terms(piece[1]) / count_terms(batch[1]))
                if part_weight > 0:  # the mean over no term at all is NaN
                    batches.append(piece)
                    weights.append(part_weight)
        if all(rows(b) < 2 for b in self.batches):
            return None
        return replace(self, batches=tuple(batches), batch_weights=tuple(weights))

    def check(self) -> float:
        """Evaluate L twice at θ₀ and return it.

        Raises:
            LandscapeError: if L is not a finite, non-negative, deterministic, differentiable scalar.
        """
        where = f"loss of landscape {self.name!r} at its reference point"
        # What is stored is not to be read all at once, so that its gradient is not looked at.
        for _, batch in [] if isinstance(self.initial, StoredPoint) else self.weighted_batches()[:1]:
            try:
                out = self.loss_function({n: t.detach().requires_grad_() for n, t in self.initial.items()}, batch)
            except Exception as e:  # the function is the user's: anything may come out of it
                if is_out_of_memory(e):
                    break  # what follows goes on in smaller batches
                raise LandscapeError(f"{where}: it raised {type(e).__name__}: {one_line(e, 160)}; mend the function") from e
            if not isinstance(out, Tensor) or out.numel() != 1 or not out.is_floating_point():
                shown = (
                    f"a tensor of shape {tuple(out.shape)} and dtype {out.dtype}" if isinstance(out, Tensor) else type(out).__name__
                )
                raise LandscapeError(f"{where}: it returned {shown}, not a floating-point scalar tensor; return the mean loss")
            if not out.requires_grad:
                raise LandscapeError(f"{where}: it does not depend on the parameters through torch operations; do not detach them")
        first, second = self.loss(self.initial), self.loss(self.initial)
        if not math.isfinite(first):
            raise LandscapeError(f"{where}: {first} is not finite; mend the function or the parameters")
        if first != second:
            raise LandscapeError(f"{where}: {first!r} and then {second!r}: it is not deterministic; remove the randomness")
        self.check_non_negative(first, where)
        return first

    def check_non_negative(self, loss: float, where: str) -> None:
        """Raise LandscapeError if a loss is below zero by more than rounding."""
        if loss < -1e3 * torch.finfo(self.dtype).eps:
            raise LandscapeError(f"{where}: {loss:.6g} is negative, and the criteria need L ≥ 0; add a constant to it")


def _trainable(module: nn.Module) -> dict[str, Tensor]:
    return {n: p.detach() for n, p in module.named_parameters() if p.requires_grad}


def _decay_of(point: Point, weight_decay: float | Mapping[str, float], no_decay: Sequence[str]) -> dict[str, float]:
    if isinstance(weight_decay, Mapping):
        decay = {}
        for name in point:
            matches = [lam for pattern, lam in weight_decay.items() if fnmatch.fnmatchcase(name, pattern)]
            if not matches:
                raise RequestError(f"weight decay: no entry matches parameter {name!r}; add one, or a pattern '*'")
            decay[name] = float(matches[0])
    else:
        decay = dict.fromkeys(point, float(weight_decay))
    for lam in decay.values():
        if not (math.isfinite(lam) and lam >= 0):
            raise RequestError(f"weight decay: {lam} is not a finite number ≥ 0; give one such as 0.1")
    for pattern in no_decay:
        names = fnmatch.filter(point, pattern)
        if not names:
            raise RequestError(f"no-decay pattern {pattern!r}: no parameter is called so; there are {_some(point)}")
        decay.update(dict.fromkeys(names, 0.0))
    return decay


def _some(names: Mapping[str, object], count: int = 4) -> str:
    listed = list(names)
    return ", ".join(listed[:count]) + (f" and {len(listed) - count} more" if len(listed) > count else "")
