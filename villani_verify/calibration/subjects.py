"""Subjects with an exactly known Laplacian: quadratic losses of matrices, light and heavy off the diagonal, and small networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.engine_interface import Engine
from villani_verify.curvature.exact import exact_laplacian
from villani_verify.curvature.probes import stacked_signs
from villani_verify.curvature.trace_form import TraceForm
from villani_verify.landscape import Landscape
from villani_verify.points import Point

DIMENSION = 40


class MatrixForm:
    """A matrix that is there; see `TraceForm`."""

    product_cost = 1.0

    def __init__(self, matrix: Tensor) -> None:
        """Take a symmetric matrix, shape (n, n)."""
        self.matrix = matrix
        self.size = len(matrix)

    def signs(self, seed: int, indices: Sequence[int]) -> Tensor:
        """Return the probes of these addresses, shape (K, n)."""
        return stacked_signs("theta", (self.size,), seed=seed, indices=indices, like=self.matrix)

    def forms(self, vectors: Tensor) -> list[float]:
        """Return zᵀBz for each row."""
        found: list[float] = ((vectors @ self.matrix) * vectors).sum(1).tolist()
        return found

    def products(self, vectors: Tensor) -> Tensor:
        """Return Bz for each row."""
        return vectors @ self.matrix


@dataclass(frozen=True)
class HessianEngine:
    """An engine that knows the Hessian: fast enough for ten thousand replications; see `Engine`.

    Attributes:
        hessian: θ as one vector ↦ ∇²L(θ), shape (d, d).
        rounds: whether it has cheaper samples, of the matrix rounded to three bits of mantissa: off in the mean.
    """

    hessian: Callable[[Tensor], Tensor]
    rounds: bool = False
    name: str = "matrix"

    def trace_form(self, landscape: Landscape, point: Point) -> MatrixForm:
        """Return the Hessian at a point."""
        return MatrixForm(self.hessian(torch.cat([t.reshape(-1) for t in point.values()])))

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return vᵀ∇²L v for each address."""
        form = self.trace_form(landscape, point)
        return form.forms(form.signs(seed, indices))

    laplacian_samples = quadratic_forms

    def rounded(self, landscape: Landscape) -> HessianEngine | None:
        """Return the engine of the rounded matrix, if it has one."""
        return HessianEngine(lambda theta: _three_bits(self.hessian(theta))) if self.rounds else None


def _three_bits(matrix: Tensor) -> Tensor:
    return matrix.to(torch.float8_e4m3fn).to(matrix.dtype)


@dataclass(frozen=True)
class Subject:
    """A landscape, and an engine to look at it with."""

    landscape: Landscape
    engine: Engine

    @property
    def laplacian(self) -> float:
        """ΔL at the reference point, exact."""
        return exact_laplacian(self.landscape, self.landscape.initial)


def quadratic(matrix: Tensor, *, weight_decay: float = 0.0, rounds: bool = False) -> Subject:
    """Return L = ½ θᵀHθ + c; the constant keeps L ≥ 0 near the start."""
    landscape = Landscape.from_function(lambda t: 0.5 * t @ matrix @ t + 1e3, len(matrix), weight_decay=weight_decay)
    return Subject(landscape, HessianEngine(lambda theta: matrix, rounds))


def quartic(matrix: Tensor, second: Tensor) -> Subject:
    """Return L = ¼ (θᵀBθ)² + ½ θᵀAθ + c, whose Hessian is (θᵀBθ) B + 2 Bθ(Bθ)ᵀ + A.

    Args:
        matrix: B, shape (d, d).
        second: A, shape (d, d); zeros make ΔL grow like r² and s* like r⁴ exactly.
    """

    def loss(theta: Tensor) -> Tensor:
        return 0.25 * (theta @ matrix @ theta) ** 2 + 0.5 * theta @ second @ theta + 1e3

    def hessian(theta: Tensor) -> Tensor:
        b = matrix @ theta
        return (theta @ b) * matrix + 2 * torch.outer(b, b) + second

    return Subject(Landscape.from_function(loss, len(matrix)), HessianEngine(hessian))


@dataclass(frozen=True)
class RememberedForm:
    """A `TraceForm` whose matrix was computed once: the same vectors, and the same forms up to rounding, at no cost.

    Attributes:
        original: which form.
        matrix: B, dense.
    """

    original: TraceForm
    matrix: Tensor
    product_cost: float = 1.0

    @property
    def size(self) -> int:
        """Rows of B."""
        return self.original.size

    def signs(self, seed: int, indices: Sequence[int]) -> Tensor:
        """Return the vectors of these addresses, as the original has them."""
        return self.original.signs(seed, indices)

    def forms(self, vectors: Tensor) -> list[float]:
        """Return zᵀBz for each row."""
        return MatrixForm(self.matrix).forms(vectors)

    def products(self, vectors: Tensor) -> Tensor:
        """Return Bz for each row."""
        return MatrixForm(self.matrix).products(vectors)


@dataclass(frozen=True)
class RememberedEngine:
    """The engine that users get, at one point: samples of the same addresses are the same up to rounding, and cost little."""

    form: RememberedForm
    name: str = "remembered"

    @classmethod
    def of(cls, landscape: Landscape) -> RememberedEngine:
        """Take the reference point of a landscape."""
        form = engine_for("auto").trace_form(landscape, landscape.initial)
        return cls(RememberedForm(form, form.products(torch.eye(form.size, dtype=landscape.dtype))))

    def laplacian_samples(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return samples of ΔL at the reference point."""
        return self.form.forms(self.form.signs(seed, indices))

    quadratic_forms = laplacian_samples

    def rounded(self, landscape: Landscape) -> None:
        """Return None, as there are no cheaper samples."""

    def trace_form(self, landscape: Landscape, point: Point) -> RememberedForm:
        """Return the matrix behind the samples."""
        return self.form


def of_landscape(landscape: Landscape) -> Subject:
    """Return a landscape with the samples that users get at its reference point."""
    return Subject(landscape, RememberedEngine.of(landscape))


def light(trace: float = 10.0, d: int = DIMENSION, *, seed: int = 1) -> Tensor:
    """Return a matrix with normal entries off the diagonal: vᵀHv is a sum of many small terms, close to normal."""
    a = torch.randn(d, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return _with_trace((a + a.T) / math.sqrt(8 * d), trace)


def heavy(trace: float = 10.0, d: int = DIMENSION) -> Tensor:
    """Return a matrix with Cauchy entries off the diagonal: few pairs carry nearly all of the variance."""
    a = torch.empty(d, d, dtype=torch.float64).cauchy_(generator=torch.Generator().manual_seed(2))
    upper = a.triu(1)
    upper = upper * math.sqrt(d / 8) / upper.norm()  # the spread of `light`
    return _with_trace(upper + upper.T, trace)


def one_direction(trace: float = 10.0, d: int = DIMENSION) -> Tensor:
    """Return a matrix with one large eigenvalue, whose eigenvector has equal entries: vᵀHv is distributed like χ² with one degree.

    Its skewness is close to √8, the largest there is: of zᵀBz with zero diagonal it is 8 tr B³/(2‖B‖_F²)^{3/2}, and tr B³ ≤ ‖B‖_F³.
    """
    ones = torch.full((d, d), trace / d, dtype=torch.float64)
    return _with_trace(ones + 0.05 * light(0.0, d), trace)


def _with_trace(matrix: Tensor, trace: float) -> Tensor:
    return matrix + torch.eye(len(matrix), dtype=matrix.dtype) * (trace - float(matrix.trace())) / len(matrix)


def small_network() -> Landscape:
    """Return a classifier of 45 parameters: three inputs, six tanh units, three classes, 24 fixed rows of data."""
    generator = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    module = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(normal(*parameter.shape))
    inputs = normal(24, 3)
    targets = (inputs @ normal(3, 3)).argmax(1)
    return Landscape.from_module(module, nn.functional.cross_entropy, [(inputs, targets)], weight_decay=0.1, name="small network")
