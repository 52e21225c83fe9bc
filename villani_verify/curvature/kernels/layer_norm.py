"""The first- and second-order coefficients of LayerNorm, scaled and shifted; sums in float64."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from villani_verify.curvature.kernels.launch import LONGEST_ROW, warps_for


def layer_norm(
    moved: Tensor, normal: Tensor, scale: Tensor, weight: tuple[Tensor, Tensor] | None, bias: Tensor | None, *, crossed: bool
) -> tuple[Tensor, Tensor] | None:
    """Return a_1 and a_2 of a normalised row, scaled and shifted, for each row of a stack; None where rows are too long.

    With u = r (x_1 − mean x_1), p = mean N u, s = mean u², as in `collapsed_rules.layer_norm`, they are

        (u − p N) w_0 + N w_1 + b_1    and    (N (3/2 p² − ½ s) − p u) w_0, and if `crossed` also (u − p N) w_1.

    Args:
        moved: x_1, shape (K, R, n).
        normal: N, shape (R, n).
        scale: r, shape (R,).
        weight: w_0, shape (n,), and w_1, shape (K, n); None for 1 and 0.
        bias: b_1, shape (K, n); None for 0.
        crossed: whether w_1 may depend on x_1.
    """
    count = moved.shape[-1]
    if count > LONGEST_ROW:
        return None
    moved, normal = moved.contiguous(), normal.contiguous()
    first, second = torch.empty_like(moved), torch.empty_like(moved)
    fixed, turned = (normal, normal) if weight is None else (weight[0].contiguous(), weight[1].contiguous())
    shift = normal if bias is None else bias.contiguous()
    block = triton.next_power_of_2(count)
    if moved.numel():
        with torch.cuda.device_of(moved):
            _layer_norm[(moved.shape[1], len(moved))](
                moved, normal, scale.contiguous(), fixed, turned, shift, first, second, count, WEIGHT=weight is not None,
                BIAS=bias is not None, CROSSED=crossed, BLOCK=block, num_warps=warps_for(block),
            )  # fmt: skip
    return first, second


@triton.jit
def _layer_norm(  # type: ignore[no-untyped-def]
    moved, normal, scale, fixed, turned, bias, first, second, count, WEIGHT: tl.constexpr, BIAS: tl.constexpr,
    CROSSED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    r, k = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    lane = tl.arange(0, BLOCK)
    inside = lane < count
    start = (k * tl.num_programs(0) + r) * count + lane
    x = tl.load(moved + start, mask=inside, other=0)
    n = tl.load(normal + r * count + lane, mask=inside, other=0)
    mean = (tl.sum(x.to(tl.float64)) / count).to(x.dtype)
    u = tl.where(inside, (x - mean) * tl.load(scale + r), 0)
    p = (tl.sum((n * u).to(tl.float64)) / count).to(x.dtype)
    s = (tl.sum((u * u).to(tl.float64)) / count).to(x.dtype)
    slope, curve = u - p * n, n * (1.5 * p * p - 0.5 * s) - p * u
    if WEIGHT:
        w = tl.load(fixed + lane, mask=inside, other=0)
        v = tl.load(turned + k * count + lane, mask=inside, other=0)
        curve = curve * w + slope * v if CROSSED else curve * w
        slope = slope * w + n * v
    if BIAS:
        slope += tl.load(bias + k * count + lane, mask=inside, other=0)
    tl.store(first + start, slope, mask=inside)
    tl.store(second + start, curve, mask=inside)
