"""Taylor coefficients of a whole landscape along a line, weighted over its batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from villani_verify.batches import Batch
from villani_verify.curvature.taylor.nested_reverse import nested_reverse
from villani_verify.curvature.taylor.program import program_for
from villani_verify.curvature.taylor.table import TaylorError
from villani_verify.curvature.taylor.univariate import UnivariateJet
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.points import Point

Direction = Mapping[str, Tensor] | Callable[[str], Tensor | None]


@dataclass(frozen=True)
class Series:
    """Taylor coefficients about one point of a line.

    Attributes:
        at: t, where on the line.
        loss: c_0 … c_k with L(θ + (t + s) v) = Σ c_i s^i + O(s^{k+1}).
        objective: the same for F = L + ½ Σ_t λ_t ‖θ_t‖².
        method: "taylor" or "nested reverse".
        note: why the method is not the fast one; None if it is.
    """

    at: float
    loss: tuple[float, ...]
    objective: tuple[float, ...]
    method: str
    note: str | None = None

    @property
    def order(self) -> int:
        """The degree k at which the series is cut."""
        return len(self.loss) - 1


def taylor_coefficients(
    landscape: Landscape,
    point: Point,
    direction: Direction,
    *,
    order: int,
    t: float = 0.0,
    declared: torch.dtype | None = None,
) -> Series:
    """Return the Taylor coefficients of s ↦ F(θ + (t + s) v) up to order k.

    Truncated Taylor arithmetic (Griewank and Walther 2008, chapter 13) through the exported graph of the loss: exact to
    rounding, in the dtype of the point. Where the loss cannot be exported, or uses an operation without a rule, repeated
    reverse mode is used and the result says so.

    Args:
        landscape: L, its batches and its decay.
        point: θ, named tensors.
        direction: v, named tensors of the same shapes, dtype and device, or a function name → tensor that may be called more
            than once a name, so that v need not be kept. A name without an entry, or None, means zero.
        order: k ≥ 0.
        t: where on the line the expansion is made.
        declared: casts to this dtype or a finer one inside L are left out (fast method only); see `Program.run`.

    Raises:
        RequestError: if the order is negative.
    """
    if order < 0:
        raise RequestError(f"order of a Taylor expansion: {order} is negative; give 0 or more")
    look_up = direction.get if isinstance(direction, Mapping) else direction
    note = None
    try:
        loss = _weighted(landscape, lambda batch: _forward(landscape, point, look_up, batch, order, t, declared))
    except TaylorError as e:
        note = str(e)
        loss = _weighted(landscape, lambda batch: nested_reverse(landscape.loss_function, point, look_up, batch, order=order, t=t))
    decay = _decay_coefficients(landscape, point, look_up, t)
    objective = tuple(c + (decay[i] if i < 3 else 0.0) for i, c in enumerate(loss))
    return Series(t, loss, objective, "taylor" if note is None else "nested reverse", note)


def _weighted(landscape: Landscape, coefficients: Callable[[Batch], list[float]]) -> tuple[float, ...]:
    rows = [[weight * c for c in coefficients(batch)] for weight, batch in landscape.weighted_batches()]
    return tuple(_sum(column) for column in zip(*rows, strict=True))


def _sum(numbers: tuple[float, ...]) -> float:
    # fsum refuses +inf and −inf together; their sum is NaN, which is what the caller must see.
    return math.fsum(numbers) if all(math.isfinite(x) for x in numbers) else sum(numbers)


def _forward(
    landscape: Landscape,
    point: Point,
    direction: Callable[[str], Tensor | None],
    batch: Batch,
    order: int,
    t: float,
    declared: torch.dtype | None,
) -> list[float]:
    def parameter(name: str) -> Any:
        tensor, v = point[name].detach(), direction(name)
        if v is None:
            return UnivariateJet([tensor], order)
        return UnivariateJet([tensor + t * v if t else tensor, v][: order + 1], order)

    result = program_for(landscape.loss_function, point, batch).run(batch, parameter, declared=declared)
    if not isinstance(result, UnivariateJet):
        return [float(result)] + [0.0] * order
    return [0.0 if c is None else float(c) for c in result.coefficients]


def _decay_coefficients(
    landscape: Landscape, point: Point, direction: Callable[[str], Tensor | None], t: float
) -> tuple[float, float, float]:
    """½ λ ‖θ + (t + s) v‖² is a quadratic in s."""
    terms: list[tuple[float, float, float]] = []
    for name, lam in landscape.decay.items():
        if not lam:
            continue
        here, v = point[name].detach().double().reshape(-1), direction(name)
        if v is None:
            terms.append((0.5 * lam * float(here @ here), 0.0, 0.0))
            continue
        slope = v.double().reshape(-1)
        here = here + t * slope if t else here
        terms.append((0.5 * lam * float(here @ here), lam * float(here @ slope), 0.5 * lam * float(slope @ slope)))
    columns = list(zip(*terms, strict=True)) or [(), (), ()]
    return _sum(columns[0]), _sum(columns[1]), _sum(columns[2])
