"""Finds hidden casts: a loss that claims a dtype but computes part of itself in a lower one.

The audit compares the directional derivative from automatic differentiation with central differences at a row of
step lengths. A cast leaves rounding errors of the lower precision in the loss; the difference quotient divides
them by the step, so they stand out at small steps long before they spoil the value itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from villani_verify.batches import Batch
from villani_verify.curvature.probes import normals
from villani_verify.landscape import Landscape
from villani_verify.points import Point, norm

# From where truncation shows to well below the best step, which is about eps^(1/3): 6e-6 in float64, 5e-3 in float32.
_STEPS_FLOAT64 = tuple(10.0**-k for k in range(2, 8))
_STEPS_FLOAT32 = tuple(10.0**-k for k in range(1, 5))
# The model counts one rounding error for the loss; a network makes thousands, which add up to a few eps·|L|. A cast
# to float32 makes them 5e8 times as large, so 100 is far from both.
_SLACK = 100.0


@dataclass(frozen=True)
class DtypeAudit:
    """Outcome of `audit_dtype`.

    Attributes:
        dtype: the dtype that the parameters have, such as "float64".
        derivative: v·∇L(θ₀) by automatic differentiation.
        steps: the step lengths h, from long to short.
        errors: `|(L(θ₀+hv) − L(θ₀−hv))/2h − v·∇L|` for each h.
        allowed: the largest error at each h that truncation and rounding in `dtype` explain.
        best_relative_error: smallest error divided by `|v·∇L|`.
        passed: every error is within what is allowed.
    """

    dtype: str
    derivative: float
    steps: tuple[float, ...]
    errors: tuple[float, ...]
    allowed: tuple[float, ...]
    best_relative_error: float
    passed: bool


def audit_dtype(landscape: Landscape, *, seed: int = 0) -> DtypeAudit:
    """Check by central differences that the loss is computed in the dtype of its parameters.

    Along a random direction v of unit length, the central difference of L at step h differs from v·∇L by about::

        h² |L‴| / 6   (truncation)   +   eps (|L| + ‖θ₀ ∘ ∇L‖) / h   (rounding of L, and of θ₀ ± hv),

    where L‴ is the third derivative along v, ∘ the product entry by entry, and eps the rounding unit of the
    arithmetic. So the error must fall like h² until rounding takes over, and then rise like 1/h from a level that
    eps sets. L‴ is not known: the truncation is measured at the longest step, where it dominates, and carried down
    by h². An error is allowed up to 100 (truncation + rounding), with the eps of the declared dtype. A part of
    the loss computed in float32 has an eps 5e8 times that of float64, and fails at the short steps by orders of
    magnitude. The decay term needs no audit: it is a sum of squares, always accumulated in float64.

    Steps run from 1e-2 to 1e-7 in float64. In float32, from 1e-1 to 1e-4, a central difference resolves less, and the
    audit finds casts to half precision only.

    Args:
        landscape: audited at its reference point θ₀, on its first batch.
        seed: of the direction v.

    Returns:
        The errors, the model's allowance for them, and whether they are within it.
    """
    point, batch = landscape.initial, landscape.batches[0]
    steps = _STEPS_FLOAT64 if landscape.dtype == torch.float64 else _STEPS_FLOAT32
    drawn = {name: normals(name, t.shape, seed=seed, index=0, like=t) for name, t in point.items()}
    length = norm(drawn)
    direction = {name: v / length for name, v in drawn.items()}

    def loss(step: float) -> float:
        with torch.no_grad():
            return float(landscape.loss_function({n: t + step * direction[n] for n, t in point.items()}, batch))

    value, gradient = _value_and_gradient(landscape, point, batch)
    derivative = math.fsum(float((gradient[n] * v).sum(dtype=torch.float64)) for n, v in direction.items())
    errors = tuple(abs((loss(h) - loss(-h)) / (2 * h) - derivative) for h in steps)
    curve = errors[0] / steps[0] ** 2
    noise = torch.finfo(landscape.dtype).eps * (abs(value) + norm({n: t * gradient[n] for n, t in point.items()}))
    allowed = tuple(_SLACK * (curve * h**2 + noise / h) for h in steps)
    best = min(errors)
    return DtypeAudit(
        dtype=str(landscape.dtype).removeprefix("torch."),
        derivative=derivative,
        steps=steps,
        errors=errors,
        allowed=allowed,
        best_relative_error=best / abs(derivative) if derivative else (0.0 if best == 0 else math.inf),
        passed=all(error <= bound for error, bound in zip(errors, allowed, strict=True)),
    )


def _value_and_gradient(landscape: Landscape, point: Point, batch: Batch) -> tuple[float, dict[str, Tensor]]:
    leaves = {n: t.detach().requires_grad_() for n, t in point.items()}
    loss = landscape.loss_function(leaves, batch)
    # A tensor that the loss does not use has a zero gradient.
    gradients = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return float(loss.detach()), dict(zip(leaves, gradients, strict=True))
