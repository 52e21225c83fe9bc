"""Taylor coefficients along a line by repeated reverse mode: slow, but it needs no rules.

c_i = g^{(i)}(0)/i! with g(t) = L(θ + t v), one `torch.autograd.grad` with respect to the scalar t after another. The graph
grows with every order. It is the reference that the rules are tested against, and the way out where a loss cannot be
exported.

torch's own LayerNorm and GroupNorm may not be differentiated more than twice: the backward of their double backward takes the
saved mean and deviation for constants, and third derivatives come out wrong (nested forward mode is wrong from the second on).
So while this runs both are replaced by their formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from villani_verify.batches import Batch
from villani_verify.losses import LossFunction
from villani_verify.points import Point


def nested_reverse(
    loss: LossFunction, point: Point, direction: Callable[[str], Tensor | None], batch: Batch, *, order: int, t: float = 0.0
) -> list[float]:
    """Return the Taylor coefficients c_0 … c_k of s ↦ L(θ + (t + s) v) for one batch.

    Args:
        loss: mean loss of one batch.
        point: θ.
        direction: name → v for that tensor, or None where it is zero.
        batch: one batch.
        order: k ≥ 0.
        t: where on the line the expansion is made.
    """
    like = next(iter(point.values()))
    with torch.enable_grad(), _NormsByFormula():
        s = torch.zeros((), dtype=like.dtype, device=like.device, requires_grad=True)
        moved = {name: _moved(tensor, direction(name), s, t) for name, tensor in point.items()}
        current: Tensor | None = loss(moved, batch)
        coefficients = []
        for i in range(order + 1):
            coefficients.append(0.0 if current is None else float(current.detach()) / math.factorial(i))
            if current is not None:
                current = _derivative(current, s) if i < order else None
    return coefficients


def _moved(tensor: Tensor, v: Tensor | None, s: Tensor, t: float) -> Tensor:
    tensor = tensor.detach()
    if v is None:
        return tensor
    v = v.detach()
    return (tensor + t * v if t else tensor) + s * v


def _derivative(value: Tensor, s: Tensor) -> Tensor | None:
    """Return dvalue/ds, or None where it is zero for good."""
    if not value.requires_grad:
        return None
    (slope,) = torch.autograd.grad(value, s, create_graph=True, allow_unused=True)
    return slope


class _NormsByFormula(TorchFunctionMode):
    """Compute LayerNorm, GroupNorm and RMSNorm from elementary operations."""

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        formula = _FORMULAS.get(func, func)
        return formula(*args, **(kwargs or {}))


def _layer_norm(
    x: Tensor, shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5, *unused: Any, **also: Any
) -> Tensor:
    dims = tuple(range(-len(shape), 0))
    centred = x - x.mean(dims, keepdim=True)
    normal = centred * ((centred * centred).mean(dims, keepdim=True) + eps).rsqrt()
    return _affine(normal, weight, bias)


def _rms_norm(x: Tensor, shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Tensor:
    dims = tuple(range(-len(shape), 0))
    floor = torch.finfo(x.dtype).eps if eps is None else eps
    return _affine(x * ((x * x).mean(dims, keepdim=True) + floor).rsqrt(), weight, None)


def _group_norm(
    x: Tensor, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, *unused: Any, **also: Any
) -> Tensor:
    grouped = x.reshape(x.shape[0], groups, -1)
    normal = _layer_norm(grouped, grouped.shape[-1:], None, None, eps).reshape(x.shape)
    per_channel = (-1, *[1] * (x.dim() - 2))
    return _affine(normal, *(p if p is None else p.reshape(per_channel) for p in (weight, bias)))


def _affine(x: Tensor, weight: Any, bias: Any) -> Tensor:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


_FORMULAS: dict[Any, Callable[..., Tensor]] = {
    torch.nn.functional.layer_norm: _layer_norm,
    torch.layer_norm: _layer_norm,
    torch.nn.functional.rms_norm: _rms_norm,
    torch.rms_norm: _rms_norm,
    torch.nn.functional.group_norm: _group_norm,
    torch.group_norm: _group_norm,
}
