from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from villani_verify.curvature import exact
from villani_verify.curvature.exact import exact_laplacian, exact_scan
from villani_verify.curvature.gradient import gradient_norms_squared
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

F64 = torch.float64


def symmetric(d: int) -> Tensor:
    a = torch.randn(d, d, generator=torch.Generator().manual_seed(0), dtype=F64)
    return (a + a.T) / 2


def ripples(theta: Tensor) -> Tensor:
    return (2 + theta.sin()).prod() + 0.25 * (theta**4).sum()


def ripples_laplacian(theta: Tensor) -> float:
    factors = 2 + theta.sin()
    return float((-theta.sin() / factors).sum() * factors.prod() + 3 * (theta**2).sum())


def ripples_gradient(theta: Tensor) -> Tensor:
    factors = 2 + theta.sin()
    return theta.cos() / factors * factors.prod() + theta**3


def test_the_laplacian_of_a_quadratic_is_the_trace() -> None:
    h = symmetric(11)
    landscape = Landscape.from_function(lambda t: 0.5 * t @ h @ t + 100, 11, blocks={"a": 4, "b": 7}, weight_decay=9.0)
    assert exact_laplacian(landscape, landscape.initial) == pytest.approx(float(h.trace()), rel=1e-13)


@pytest.mark.parametrize("numbers_per_pass", [1, 10, 1 << 20])
def test_the_chunk_does_not_change_the_result(numbers_per_pass: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_NUMBERS_PER_PASS", numbers_per_pass)
    theta = torch.linspace(-1, 2, 5, dtype=F64)
    landscape = Landscape.from_function(ripples, 5, initial=theta)
    assert exact_laplacian(landscape, landscape.initial) == pytest.approx(ripples_laplacian(theta), rel=1e-13)


def test_a_linear_loss_is_harmonic() -> None:
    landscape = Landscape.from_function(lambda t: 3 + t.sum(), 4)
    assert exact_laplacian(landscape, landscape.initial) == 0.0


def test_tensors_of_any_shape_in_any_order() -> None:
    x, y = torch.tensor([[1.0, 2.0]], dtype=F64), torch.tensor([[0.5, -1.0, 3.0]], dtype=F64)
    loss = lambda out, target: (out**2).sum()
    landscape = Landscape.from_module(_Pair(), loss, [(torch.cat([x, y], 1), x)])
    # L = (Σ w_ij x_i y_j + b)²: ΔL = 2 (‖x‖²‖y‖² + 1).
    expected = 2 * (5 * 10.25 + 1)
    assert exact_laplacian(landscape, landscape.initial) == pytest.approx(expected, rel=1e-13)
    assert exact_laplacian(landscape, dict(reversed(landscape.initial.items()))) == pytest.approx(expected, rel=1e-13)


class _Pair(torch.nn.Module):
    """b + xᵀWy."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.arange(6, dtype=F64).reshape(2, 3))
        self.b = torch.nn.Parameter(torch.ones((), dtype=F64))

    def forward(self, both: Tensor) -> Tensor:
        return self.b + ((both[:, :2] @ self.w) * both[:, 2:]).sum(1)


def test_infinite_terms_of_both_signs_give_nan_instead_of_raising() -> None:
    big = torch.tensor([1e308, -1e308], dtype=F64)
    landscape = Landscape.from_function(lambda t: 10 * (big * t**2).sum(), 2, initial=torch.zeros(2, dtype=F64))
    assert math.isnan(exact_laplacian(landscape, landscape.initial))


def scan_points(landscape: Landscape, count: int = 7) -> list[dict[str, Tensor]]:
    return [{n: t * k for n, t in landscape.initial.items()} for k in range(1, count + 1)]


def check_against_closed_form(landscape: Landscape, decay: Tensor, rows: list[tuple[float, ...]]) -> None:
    for point, row in zip(scan_points(landscape, len(rows)), rows, strict=True):
        theta = torch.cat(list(point.values()))
        plain = ripples_gradient(theta)
        full = plain + decay * theta
        expected = (float(ripples(theta)), float(plain @ plain), float(full @ full), ripples_laplacian(theta))
        assert row == pytest.approx(expected, rel=1e-12)


def ripple_landscape() -> tuple[Landscape, Tensor]:
    start = torch.linspace(-0.5, 0.7, 5, dtype=F64)
    landscape = Landscape.from_function(ripples, 5, blocks={"a": 2, "b": 3}, initial=start, weight_decay={"a": 0.4, "b": 0.1})
    return landscape, torch.tensor([0.4, 0.4, 0.1, 0.1, 0.1], dtype=F64)


def test_scan_in_closed_form() -> None:
    landscape, decay = ripple_landscape()
    check_against_closed_form(landscape, decay, exact_scan(landscape, scan_points(landscape)))


def test_scan_longer_than_one_pass() -> None:
    landscape, decay = ripple_landscape()
    check_against_closed_form(landscape, decay, exact_scan(landscape, scan_points(landscape, 300)))


def test_scan_of_nothing() -> None:
    assert exact_scan(ripple_landscape()[0], []) == []


def test_scan_of_a_loss_with_data_dependent_branches_is_done_point_by_point() -> None:
    landscape, decay = ripple_landscape()
    branching = Landscape.from_function(
        lambda t: ripples(t) if float(t.detach().sum()) < 1e9 else t.sum(), 5, blocks={"a": 2, "b": 3},
        initial=torch.cat(list(landscape.initial.values())), weight_decay={"a": 0.4, "b": 0.1},
    )  # fmt: skip
    with pytest.raises((RuntimeError, ValueError)):
        exact._vectorised(branching, scan_points(branching))
    check_against_closed_form(branching, decay, exact_scan(branching, scan_points(branching)))


def test_scan_of_many_parameters_is_done_point_by_point() -> None:
    h = symmetric(70)
    landscape = Landscape.from_function(lambda t: 0.5 * t @ h @ t + 100, 70, weight_decay=0.2)
    (row,) = exact_scan(landscape, [landscape.initial])
    assert row == pytest.approx((*gradient_norms_squared(landscape, landscape.initial), float(h.trace())), rel=1e-12)


def test_scan_weights_batches_by_their_terms() -> None:
    x = torch.arange(5, dtype=F64)[:, None]
    module = torch.nn.Linear(1, 1, bias=False, dtype=F64)
    # torch's mse_loss has no forward-mode rule, so this also goes the way round that exact_scan takes then.
    landscape = Landscape.from_module(module, torch.nn.functional.mse_loss, [(x[:3], 0 * x[:3]), (x[3:], 0 * x[3:])])
    # L = w² mean(x²) = 6 w².
    w = float(landscape.initial["weight"])
    (row,) = exact_scan(landscape, [landscape.initial])
    assert row == pytest.approx((6 * w**2, 144 * w**2, 144 * w**2, 12.0), rel=1e-13)


@pytest.mark.parametrize("name", ["gpt2-tiny", "llama-tiny"])
def test_trace_of_an_independent_hessian(name: str) -> None:
    landscape = LandscapeRequest(landscape=name, sequences=1, sequence_length=6).load()
    leaves = [t.detach().requires_grad_() for t in landscape.initial.values()]
    loss = landscape.loss_function(dict(zip(landscape.initial, leaves, strict=True)), landscape.batches[0])
    gradient = torch.autograd.grad(loss, leaves, create_graph=True)
    # Reverse over reverse, one row of the Hessian at a time, no forward mode, no vectorisation: on a sample of the rows.
    diagonal: list[float] = []
    wanted: list[tuple[str, int]] = []
    for (n, leaf), g in zip(zip(landscape.initial, leaves, strict=True), gradient, strict=True):
        for i in range(0, leaf.numel(), 40):
            (row,) = torch.autograd.grad(g.reshape(-1)[i], leaf, retain_graph=True)
            diagonal.append(float(row.reshape(-1)[i]))
            wanted.append((n, i))
    from villani_verify.curvature.hessian_vector import stacked_forms

    basis = {n: torch.zeros(len(wanted), *t.shape, dtype=F64) for n, t in landscape.initial.items()}
    for k, (n, i) in enumerate(wanted):
        basis[n][k].reshape(-1)[i] = 1.0
    assert stacked_forms(landscape, landscape.initial, basis) == pytest.approx(diagonal, rel=1e-10, abs=1e-14)
