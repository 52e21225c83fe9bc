from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from villani_verify.curvature.taylor.nested_reverse import nested_reverse

ONE = torch.ones(1, dtype=torch.float64)


def _expand(function: object, order: int, *, at: float = 0.0, t: float = 0.0) -> list[float]:
    point = {"x": at * ONE}
    return nested_reverse(lambda p, _: function(p["x"]).sum(), point, {"x": ONE}.get, None, order=order, t=t)  # type: ignore[operator]


def test_exponential() -> None:
    assert _expand(torch.exp, 6) == pytest.approx([1 / math.factorial(i) for i in range(7)], rel=1e-14)


def test_along_the_line() -> None:
    assert _expand(torch.exp, 3, at=0.5, t=1.5) == pytest.approx([math.exp(2) / math.factorial(i) for i in range(4)], rel=1e-14)


def test_polynomial_ends_and_zero_coefficients_are_zero() -> None:
    assert _expand(lambda x: 1 + 2 * x**3, 5) == [1.0, 0.0, 0.0, 2.0, 0.0, 0.0]


def test_value_that_does_not_move() -> None:
    assert _expand(torch.floor, 3, at=1.5) == [1.0, 0.0, 0.0, 0.0]
    assert _expand(lambda x: torch.tensor(2.0), 2) == [2.0, 0.0, 0.0]


def test_tensor_without_direction_is_constant() -> None:
    point = {"x": 2 * ONE, "y": 3 * ONE}
    found = nested_reverse(lambda p, _: (p["x"] * p["y"] ** 2).sum(), point, {"y": ONE}.get, None, order=3)
    assert found == pytest.approx([18.0, 12.0, 2.0, 0.0])


@pytest.mark.parametrize("kind", ["layer", "rms", "group"])
def test_norms_have_right_third_derivatives(kind: str) -> None:
    """torch's own are wrong from order 3: compare with central differences of the second coefficient."""
    generator = torch.Generator().manual_seed(0)
    x, v, c = torch.randn(3, 4, 6, generator=generator, dtype=torch.float64)

    def loss(point: dict[str, Tensor], _: object) -> Tensor:
        y = point["x"]
        normal = {
            "layer": lambda: F.layer_norm(y, (6,), c[0], c[1]),
            "rms": lambda: F.rms_norm(y, (6,), c[0], 1e-3),
            "group": lambda: F.group_norm(y, 3, c[0], c[1]),
        }[kind]()
        return (normal * c).pow(2).sum()

    def coefficients(t: float) -> list[float]:
        return nested_reverse(loss, {"x": x}, {"x": v}.get, None, order=3, t=t)

    # Truncation of the central difference is h² × (derivative 5) ≈ 1e-8 of the scale, rounding 1e-16/h ≈ 1e-12.
    h = 1e-4
    assert coefficients(0.0)[0] == pytest.approx(loss({"x": x}, None).item(), rel=1e-13)
    for i in range(3):
        difference = (coefficients(h)[i] - coefficients(-h)[i]) / (2 * h) / (i + 1)
        assert coefficients(0.0)[i + 1] == pytest.approx(difference, rel=1e-5, abs=1e-5)


def test_torch_itself_is_wrong_for_layer_norm() -> None:
    """The reason for the formulas: if this fails, torch has been mended and they may go."""
    generator = torch.Generator().manual_seed(0)
    x, v, c = torch.randn(3, 4, 6, generator=generator, dtype=torch.float64)
    s = torch.zeros((), dtype=torch.float64, requires_grad=True)
    value = (F.layer_norm(x + s * v, (6,)) * c).pow(2).sum()
    for _ in range(3):
        (value,) = torch.autograd.grad(value, s, create_graph=True)
    right = nested_reverse(lambda p, _: (F.layer_norm(p["x"], (6,)) * c).pow(2).sum(), {"x": x}, {"x": v}.get, None, order=3)
    assert abs(value.item() / 6 - right[3]) > 0.1 * abs(right[3])
