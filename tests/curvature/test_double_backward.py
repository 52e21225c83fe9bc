from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.curvature.probe_signs import probe_of
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

F64 = torch.float64
ENGINE = DoubleBackward()


def symmetric(d: int) -> Tensor:
    a = torch.randn(d, d, generator=torch.Generator().manual_seed(0), dtype=F64)
    return (a + a.T) / 2


def test_closed_form_of_a_quartic_in_blocks() -> None:
    theta = torch.tensor([1.0, -2.0, 3.0], dtype=F64)
    landscape = Landscape.from_function(lambda t: (t**4).sum(), 3, blocks={"a": 1, "b": 2}, initial=theta)
    # The Hessian is diagonal, so every probe gives the trace, Σ 12 θ².
    assert ENGINE.quadratic_forms(landscape, landscape.initial, seed=0, indices=range(3)) == pytest.approx([168.0] * 3, rel=1e-14)


def test_numbers_belong_to_addresses() -> None:
    h = symmetric(7)
    landscape = Landscape.from_function(lambda t: 0.5 * t @ h @ t + 100, 7)

    def forms(indices: list[int]) -> list[float]:
        return ENGINE.quadratic_forms(landscape, landscape.initial, seed=5, indices=indices)

    whole = forms([0, 1, 2, 3, 4])
    assert forms([0, 1]) + forms([2]) + forms([3, 4]) == pytest.approx(whole, rel=1e-14)
    assert forms([4, 2, 0]) == pytest.approx([whole[4], whole[2], whole[0]], rel=1e-14)


def test_infinite_terms_of_both_signs_give_nan_instead_of_raising() -> None:
    big = torch.tensor([1e308, -1e308], dtype=F64)
    landscape = Landscape.from_function(
        lambda t: 10 * (big * t**2).sum(), 2, blocks={"a": 1, "b": 1}, initial=torch.zeros(2, dtype=F64)
    )
    (form,) = ENGINE.quadratic_forms(landscape, landscape.initial, seed=0, indices=[0])
    assert math.isnan(form)


def test_the_parameters_of_a_module_are_not_given_gradients() -> None:
    module = nn.Linear(2, 1, dtype=F64)
    landscape = Landscape.from_module(module, nn.functional.mse_loss, [(torch.ones(3, 2, dtype=F64), torch.zeros(3, 1, dtype=F64))])
    # H of the mean of (w·x + b)² at x = (1, 1): 2 (1, 1, 1)ᵀ(1, 1, 1), so vᵀHv = 2 (Σ v)².
    v = probe_of(landscape.initial, seed=0, index=0)
    expected = 2 * float(sum(t.sum() for t in v.values())) ** 2
    assert ENGINE.quadratic_forms(landscape, landscape.initial, seed=0, indices=[0]) == pytest.approx([expected], rel=1e-14)
    assert all(p.grad is None for p in module.parameters())
    assert all(not t.requires_grad for t in landscape.initial.values())


@pytest.mark.parametrize("name", ["gpt-neo-tiny", "gpt2-tiny", "llama-tiny"])
def test_central_differences_on_transformers(name: str) -> None:
    landscape = LandscapeRequest(landscape=name, sequences=2).load()
    point = landscape.initial
    v = probe_of(point, seed=2, index=4)
    (form,) = ENGINE.quadratic_forms(landscape, point, seed=2, indices=[4])

    def slope(t: float) -> float:
        _, gradient = loss_and_gradient(landscape, {n: x + t * v[n] for n, x in point.items()})
        return math.fsum(float((gradient[n] * v[n]).sum()) for n in v)

    # (v·∇L(θ + hv) − v·∇L(θ − hv))/2h = vᵀ∇²L v + c h² + O(h⁴); two steps, extrapolated, leave O(h⁴). The fifth
    # derivative along v is about 10⁶ here: at h = 1e-4 the rest is far below 1e-6 and rounding is 10⁻¹⁴·|∇L·v|/h = 1e-9.
    h = 1e-4
    coarse, fine = ((slope(k) - slope(-k)) / (2 * k) for k in (h, h / 2))
    assert form == pytest.approx((4 * fine - coarse) / 3, rel=1e-6, abs=1e-6)
