"""Elementwise functions that are analytic where they are finite: their Taylor coefficients f_m = f^{(m)}(a)/m!.

Most come from a differential equation. If y' = p(y), then (m + 1) y_{m+1} = [p(y)]_m, so each coefficient follows from
those before it (Griewank and Walther 2008, Evaluating Derivatives, table 13.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from villani_verify.curvature.taylor.jet import Jet
from villani_verify.curvature.taylor.table import aten, elementwise, rule


@elementwise(aten.exp.default)
def exp(a: Tensor, order: int) -> list[Tensor]:
    """f_m = e^a / m!."""
    return [torch.exp(a) / math.factorial(m) for m in range(order + 1)]


@elementwise(aten.expm1.default)
def expm1(a: Tensor, order: int) -> list[Tensor]:
    """As exp, with f_0 = e^a − 1."""
    return [torch.expm1(a), *exp(a, order)[1:]]


@elementwise(aten.exp2.default)
def exp2(a: Tensor, order: int) -> list[Tensor]:
    """f_m = 2^a (ln 2)^m / m!."""
    return [torch.exp2(a) * (math.log(2) ** m / math.factorial(m)) for m in range(order + 1)]


@elementwise(aten.log.default)
def log(a: Tensor, order: int) -> list[Tensor]:
    """f_m = (−1)^{m+1} / (m a^m)."""
    return [torch.log(a), *((-1) ** (m + 1) / (m * a**m) for m in range(1, order + 1))]


@elementwise(aten.log1p.default)
def log1p(a: Tensor, order: int) -> list[Tensor]:
    """Log at 1 + a."""
    return [torch.log1p(a), *log(1 + a, order)[1:]]


@elementwise(aten.log2.default)
def log2(a: Tensor, order: int) -> list[Tensor]:
    """ln(a) / ln 2."""
    return [torch.log2(a), *(c / math.log(2) for c in log(a, order)[1:])]


@elementwise(aten.log10.default)
def log10(a: Tensor, order: int) -> list[Tensor]:
    """ln(a) / ln 10."""
    return [torch.log10(a), *(c / math.log(10) for c in log(a, order)[1:])]


@elementwise(aten.pow.Tensor_Scalar)
def power(a: Tensor, order: int, exponent: float) -> list[Tensor | None]:
    """f_m = binom(p, m) a^{p−m}; a polynomial when p is a natural number."""
    coefficients: list[Tensor | None] = []
    binomial = 1.0
    for m in range(order + 1):
        if binomial == 0:
            break
        coefficients.append(binomial * a ** (exponent - m))
        binomial *= (exponent - m) / (m + 1)
    return coefficients


@elementwise(aten.sqrt.default)
def sqrt(a: Tensor, order: int) -> list[Tensor | None]:
    """a^{1/2}."""
    return [torch.sqrt(a), *power(a, order, 0.5)[1:]]


@elementwise(aten.rsqrt.default)
def rsqrt(a: Tensor, order: int) -> list[Tensor | None]:
    """a^{−1/2}."""
    return [torch.rsqrt(a), *power(a, order, -0.5)[1:]]


@elementwise(aten.reciprocal.default)
def reciprocal(a: Tensor, order: int) -> list[Tensor]:
    """f_m = (−1)^m / a^{m+1}."""
    inverse = torch.reciprocal(a)
    return [(-1) ** m * inverse ** (m + 1) for m in range(order + 1)]


@elementwise(aten.sin.default)
def sin(a: Tensor, order: int) -> list[Tensor]:
    """sin, cos, −sin, −cos, over m!."""
    s, c = torch.sin(a), torch.cos(a)
    return _over_factorials((s, c, -s, -c), order)


@elementwise(aten.cos.default)
def cos(a: Tensor, order: int) -> list[Tensor]:
    """cos, −sin, −cos, sin, over m!."""
    s, c = torch.sin(a), torch.cos(a)
    return _over_factorials((c, -s, -c, s), order)


@elementwise(aten.sinh.default)
def sinh(a: Tensor, order: int) -> list[Tensor]:
    """Return sinh and cosh in turn, over m!."""
    return _over_factorials((torch.sinh(a), torch.cosh(a)), order)


@elementwise(aten.cosh.default)
def cosh(a: Tensor, order: int) -> list[Tensor]:
    """Return cosh and sinh in turn, over m!."""
    return _over_factorials((torch.cosh(a), torch.sinh(a)), order)


@elementwise(aten.tanh.default)
def tanh(a: Tensor, order: int) -> list[Tensor]:
    """Solve y' = 1 − y²."""
    return _riccati(torch.tanh(a), order, 1, 0, -1)


@elementwise(aten.tan.default)
def tan(a: Tensor, order: int) -> list[Tensor]:
    """Solve y' = 1 + y²."""
    return _riccati(torch.tan(a), order, 1, 0, 1)


@elementwise(aten.sigmoid.default)
def sigmoid(a: Tensor, order: int) -> list[Tensor]:
    """Solve y' = y − y²."""
    return _riccati(torch.sigmoid(a), order, 0, 1, -1)


@elementwise(aten.softplus.default)
def softplus(a: Tensor, order: int, beta: float = 1, threshold: float = 20) -> list[Tensor]:
    """log(1 + e^{βa})/β, whose derivative is sigmoid(βa).

    torch switches to the identity above the threshold, a jump of 2e-9; the smooth function that is meant is taken here.
    """
    scaled = beta * a
    value = (torch.clamp(scaled, min=0) + torch.log1p(torch.exp(-scaled.abs()))) / beta
    return [value, *_integral(_rescaled(sigmoid(scaled, max(order - 1, 0)), beta))][: order + 1]


def log_sigmoid(a: Tensor, order: int) -> list[Tensor]:
    """−softplus(−a)."""
    return [c * (-1) ** (m + 1) for m, c in enumerate(softplus(-a, order))]


@rule(aten.log_sigmoid_forward.default)
def _log_sigmoid_forward(x: Jet) -> tuple[Jet, None]:
    return x.compose(log_sigmoid), None  # the second result is a buffer for the backward pass


@elementwise(aten.silu.default)
def silu(a: Tensor, order: int) -> list[Tensor]:
    """x·sigmoid(x)."""
    return _times_identity(a, sigmoid(a, order))


@elementwise(aten.erf.default)
def erf(a: Tensor, order: int) -> list[Tensor]:
    """The integral of (2/√π) e^{−x²}."""
    return [torch.erf(a), *_integral([2 / math.sqrt(math.pi) * c for c in _gaussian(a, order)])][: order + 1]


@elementwise(aten.gelu.default)
def gelu(a: Tensor, order: int, approximate: str = "none") -> list[Tensor]:
    """x·Φ(x), or x·½(1 + tanh(√(2/π)(x + 0.044715x³)))."""
    if approximate == "none":
        normal = [c * (0.5 * math.sqrt(0.5) ** m) for m, c in enumerate(erf(a * math.sqrt(0.5), order))]
        normal[0] = 0.5 * torch.erfc(-a * math.sqrt(0.5))
    else:
        # 1 + tanh(z) = 2·sigmoid(2z) loses no digits in the left tail.
        scale = 2 * math.sqrt(2 / math.pi)
        cubic = [a + 0.044715 * a**3, 1 + 3 * 0.044715 * a**2, 3 * 0.044715 * a, torch.full_like(a, 0.044715)]
        normal = _sigmoid_of([scale * c for c in cubic], order)
    return _times_identity(a, normal)


@elementwise(aten.atan.default)
def atan(a: Tensor, order: int) -> list[Tensor]:
    """The integral of 1/(1 + x²)."""
    return [torch.atan(a), *_integral(_reciprocal_of([1 + a**2, 2 * a, torch.ones_like(a)], order))][: order + 1]


def _sigmoid_of(inner: Sequence[Tensor], order: int) -> list[Tensor]:
    """Coefficients of sigmoid(inner): (m + 1) y_{m+1} = Σ_j (j + 1) z_{j+1} [y − y²]_{m−j}."""
    y = [torch.sigmoid(inner[0])]
    slope: list[Tensor] = []
    for m in range(order):
        slope.append(y[m] - _square(y, m))
        terms = [(j + 1) * inner[j + 1] * slope[m - j] for j in range(min(m, len(inner) - 2) + 1)]
        y.append(_total(terms) / (m + 1))
    return y


def _reciprocal_of(x: Sequence[Tensor], order: int) -> list[Tensor]:
    """Coefficients of 1/x: y_m = −Σ_{j ≥ 1} x_j y_{m−j} / x_0."""
    y = [1 / x[0]]
    for m in range(1, order + 1):
        y.append(-_total([x[j] * y[m - j] for j in range(1, min(m, len(x) - 1) + 1)]) / x[0])
    return y


def _riccati(y0: Tensor, order: int, constant: float, slope: float, square: float) -> list[Tensor]:
    """Coefficients of the solution of y' = constant + slope·y + square·y²."""
    y = [y0]
    for m in range(order):
        right = slope * y[m] + square * _square(y, m)
        y.append((right + constant if m == 0 else right) / (m + 1))
    return y


def _square(y: Sequence[Tensor], m: int) -> Tensor:
    return _total([y[i] * y[m - i] for i in range(m + 1)])


def _total(terms: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(terms)).sum(0) if len(terms) > 4 else sum(terms[1:], terms[0])


def _gaussian(a: Tensor, order: int) -> list[Tensor]:
    """Coefficients of e^{−x²}: (m + 1) g_{m+1} = −2(a g_m + g_{m−1})."""
    g = [torch.exp(-a * a)]
    for m in range(order):
        g.append(-2 * (a * g[m] + (g[m - 1] if m else 0)) / (m + 1))
    return g


def _integral(derivative: Sequence[Tensor]) -> list[Tensor]:
    return [c / (m + 1) for m, c in enumerate(derivative)]


def _rescaled(coefficients: Sequence[Tensor], factor: float) -> list[Tensor]:
    return [c * factor**m for m, c in enumerate(coefficients)]


def _times_identity(a: Tensor, y: Sequence[Tensor]) -> list[Tensor]:
    """Coefficients of x·y(x) at a."""
    return [a * y[0], *(a * y[m] + y[m - 1] for m in range(1, len(y)))]


def _over_factorials(cycle: Sequence[Tensor], order: int) -> list[Tensor]:
    return [cycle[m % len(cycle)] / math.factorial(m) for m in range(order + 1)]
