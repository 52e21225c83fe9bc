"""Stationary points of L, found by descent with some tensors switched off: where families of scalings start that make s* vanish.

Let a scaling leave L unchanged while a tensor W is zero, and let what W multiplies grow like r^k. Then ∇_W L grows like r^k and
Δ_W L like r^{2k}, so that s* = ‖∇F‖²/ΔF tends to a constant. At a stationary point of L that constant is zero: only the decay is
left in ∇F, of order r² in its square, and s* falls like r^{2−2k}.

Descent on s* itself does not get there: it flattens the curvature as fast as the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.losses import LossFunction
from villani_verify.points import root_mean_square, squared_norm

# Step of Adam, in units of the root mean square of θ₀.
_STEP = 0.1
_HISTORY = 20

_FOUND: WeakKeyDictionary[LossFunction, dict[Any, dict[str, Tensor]]] = WeakKeyDictionary()


def stationary_point(landscape: Landscape, zeroed: Sequence[str], steps: int) -> dict[str, Tensor]:
    """Return where a descent on L from θ₀ ends: `steps` steps of Adam, then at most as many of L-BFGS.

    L may have its infimum at infinity, as cross-entropy often has; then ‖∇L‖ is small at the end, not zero. The same request on
    one machine gives the same point, which is computed once.

    Args:
        landscape: gives L and θ₀.
        zeroed: tensors that are zero from the start and stay so.
        steps: at least 1.

    Raises:
        RequestError: if L or its gradient is not finite on the way.
    """
    key = (tuple(zeroed), steps, *((n, t.dtype, squared_norm(t)) for n, t in landscape.initial.items()))
    known = _FOUND.setdefault(landscape.loss_function, {})
    if key not in known:
        known[key] = _descend(landscape, zeroed, steps)
    return known[key]


def _descend(landscape: Landscape, zeroed: Sequence[str], steps: int) -> dict[str, Tensor]:
    point = {n: torch.zeros_like(t) if n in zeroed else t.detach().clone() for n, t in landscape.initial.items()}
    free = {n: t.requires_grad_() for n, t in point.items() if n not in zeroed}
    adam = torch.optim.Adam(free.values(), lr=_STEP * (root_mean_square(landscape.initial) or 1.0))
    # Its own stopping rules are for other purposes: here the gradient is to become as small as it can.
    polish = torch.optim.LBFGS(
        free.values(), max_iter=steps, max_eval=2 * steps, history_size=_HISTORY, line_search_fn="strong_wolfe",
        tolerance_grad=0.0, tolerance_change=0.0,
    )  # fmt: skip

    def loss_and_gradients() -> float:
        loss, gradient = loss_and_gradient(landscape, point)
        if not math.isfinite(loss):
            raise RequestError(f"descent on the loss of {landscape.name!r}: L is {loss} on the way; use another reference point")
        for name, t in free.items():
            t.grad = gradient[name]
        return loss

    for _ in range(steps):
        loss_and_gradients()
        adam.step()
    polish.step(loss_and_gradients)
    return {n: t.detach() for n, t in point.items()}
