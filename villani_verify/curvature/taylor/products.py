"""Products, powers and quotients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from villani_verify.curvature.taylor import analytic
from villani_verify.curvature.taylor.jet import Jet, add, multiply, product
from villani_verify.curvature.taylor.table import aten, bilinear, matrix_product, rule, same_dtype

bilinear(aten.dot.default, aten.outer.default)

rule(aten.mul.Tensor, aten.mul.Scalar)(multiply)


@rule(aten.mm.default, aten.bmm.default, aten.mv.default, aten.matmul.default)
def matrix_product_of(left: Any, right: Any) -> Any:
    """`left` @ `right`."""
    return product(matrix_product, left, right)


@rule(aten.addmm.default, aten.addmv.default)
def addmm(bias: Any, left: Any, right: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta·bias + alpha·(left @ right)."""
    return add(_scaled(beta, bias), _scaled(alpha, matrix_product_of(left, right)))


@rule(aten.baddbmm.default)
def baddbmm(bias: Any, left: Any, right: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta·bias + alpha·(left @ right), batched."""
    return add(_scaled(beta, bias), _scaled(alpha, matrix_product_of(left, right)))


@rule(aten.convolution.default)
def convolution(x: Any, weight: Any, bias: Any, *geometry: Any) -> Any:
    """Bilinear in the input and the weight; the bias is added to each channel."""
    out = product(lambda a, w: aten.convolution.default(*same_dtype(a, w), None, *geometry), x, weight)
    if bias is None:
        return out
    spatial = (1,) * (len(geometry[0]))
    shaped = bias.linear(lambda b: b.reshape(-1, *spatial)) if isinstance(bias, Jet) else bias.reshape(-1, *spatial)
    return add(out, shaped)


@rule(aten.div.Tensor, aten.div.Scalar)
def divide(left: Any, right: Any) -> Any:
    """`left` times the reciprocal of `right`."""
    if not isinstance(right, Jet):
        return left.linear(lambda c: c / right)
    return multiply(left, right.compose(analytic.reciprocal))


@rule(aten.pow.Tensor_Tensor)
def power(base: Any, exponent: Any) -> Any:
    """a^b, by a table of binomials where b is constant and as exp(b·log a) where it moves."""
    if not isinstance(exponent, Jet):
        shape = torch.broadcast_shapes(base.value.shape, exponent.shape)
        return base.linear(lambda c: c.expand(shape)).compose(lambda a, order: _power_series(a, order, exponent))
    logarithm = base.compose(analytic.log) if isinstance(base, Jet) else torch.log(base)
    return multiply(exponent, logarithm).compose(analytic.exp)


@rule(aten.pow.Scalar)
def power_of_number(base: float, exponent: Jet) -> Jet:
    """c^b = exp(b·log c)."""
    # Not as a tensor of its own on the device, for which a GPU would have to be waited for.
    logarithm = float(torch.tensor(base, dtype=torch.float64).log())
    return exponent.linear(lambda c: c * logarithm).compose(analytic.exp)


@rule(aten.addcmul.default)
def addcmul(x: Any, left: Any, right: Any, *, value: float = 1) -> Any:
    """`x` + value·left·right."""
    return add(x, multiply(left, right), value)


@rule(aten.addcdiv.default)
def addcdiv(x: Any, left: Any, right: Any, *, value: float = 1) -> Any:
    """`x` + value·left/right."""
    return add(x, divide(left, right) if isinstance(left, Jet) or isinstance(right, Jet) else left / right, value)


@rule(aten.logaddexp.default)
def logaddexp(left: Any, right: Any) -> Any:
    """log(e^a + e^b) = b + softplus(a − b), smooth where a = b."""
    gap = add(left, right, -1)
    return add(right, gap.compose(analytic.softplus))


@rule(aten.atan2.default)
def atan2(y: Any, x: Any) -> Any:
    """The angle of (x, y): rotated by its value at t = 0, where it is the arc tangent of a small quotient."""
    y0, x0 = (v.value if isinstance(v, Jet) else v for v in (y, x))
    radial = add(multiply(x, x0), multiply(y, y0))
    across = add(multiply(y, x0), multiply(x, y0), -1)
    angle = divide(across, radial).compose(analytic.atan)
    return add(angle, torch.atan2(y0, x0))


@rule(aten.lerp.Scalar, aten.lerp.Tensor)
def lerp(start: Any, end: Any, weight: Any) -> Any:
    """`start` + weight·(end − start)."""
    return add(start, multiply(weight, add(end, start, -1)))


@rule(aten.hypot.default)
def hypot(left: Any, right: Any) -> Any:
    """√(a² + b²)."""
    return add(multiply(left, left), multiply(right, right)).compose(analytic.sqrt)


def _scaled(factor: float, x: Any) -> Any:
    return x if factor == 1 else multiply(factor, x)


def _power_series(a: Tensor, order: int, exponent: Tensor) -> list[Tensor]:
    coefficients = []
    binomial = torch.ones_like(exponent)
    for m in range(order + 1):
        # Where the binomial is zero the power may be infinite, and 0·∞ is not wanted.
        coefficients.append(torch.where(binomial == 0, 0.0, binomial * a ** (exponent - m)).to(a.dtype))
        binomial = binomial * (exponent - m) / (m + 1)
    return coefficients
