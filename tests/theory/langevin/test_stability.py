from __future__ import annotations

import math

import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.theory.langevin.stability import check_step_size, curvature_at_start


def quadratic(values: torch.Tensor, weight_decay: float) -> Landscape:
    return Landscape.from_function(lambda x: 0.5 * (values * x.square()).sum() + 100, len(values), weight_decay=weight_decay)


@pytest.mark.parametrize("dimension", [1, 2, 7, 30])
def test_small_quadratics_are_exact(dimension: int) -> None:
    values = torch.linspace(1, 9, dimension, dtype=torch.float64)
    found = curvature_at_start(quadratic(values, 0.5))
    assert found.smallest == pytest.approx(1.5, rel=1e-8)
    assert found.largest == pytest.approx(float(values[-1]) + 0.5, rel=1e-8)
    assert found.stability_limit == pytest.approx(2 / found.largest)
    assert abs(float(found.softest[0])) == pytest.approx(1, abs=1e-6)
    assert found.num_matvecs <= dimension


def test_ends_lie_inside_the_spectrum_where_lanczos_stops_early() -> None:
    values = torch.linspace(0, 10, 400, dtype=torch.float64)
    found = curvature_at_start(quadratic(values, 1.0))
    assert 1 <= found.smallest < 1.2
    assert 10.8 < found.largest <= 11 * (1 + 1e-12)


@pytest.mark.parametrize(("most", "matvecs"), [(32 * 400 * 8, 32), (32 * 400 * 8 - 1, 32), (20 * 400 * 4, 20), (1, 8)])
def test_vectors_that_memory_does_not_hold_are_fewer_and_narrower(most: int, matvecs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("villani_verify.theory.langevin.stability._MOST_BYTES", most)
    values = torch.cat([torch.tensor([-30.0]), torch.linspace(0, 10, 399)])
    narrow = quadratic(values, 1.0).to(dtype=torch.float32)
    found = curvature_at_start(narrow)
    assert found.num_matvecs == matvecs
    assert found.smallest == pytest.approx(-29, rel=1e-3)
    assert 10 < found.largest <= 11 * (1 + 1e-5)
    assert found.softest.dtype == torch.float64
    assert float(found.softest.norm()) == pytest.approx(1, rel=1e-5)
    assert abs(float(found.softest[0])) == pytest.approx(1, abs=0.01)


def test_the_norm_counts_negative_curvature_too() -> None:
    found = curvature_at_start(quadratic(torch.tensor([-8.0, 1.0, 2.0], dtype=torch.float64), 0.0))
    assert found.smallest == pytest.approx(-8)
    assert found.stability_limit == pytest.approx(0.25)


def test_against_a_dense_hessian() -> None:
    def loss(x: torch.Tensor) -> torch.Tensor:
        return (x[0] * x[1]).cos() + x.pow(4).sum() + 2

    landscape = Landscape.from_function(loss, 4, weight_decay=0.3)
    dense = torch.autograd.functional.hessian(loss, landscape.initial["theta"]) + 0.3 * torch.eye(4)
    values = torch.linalg.eigvalsh(dense)
    found = curvature_at_start(landscape)
    assert found.smallest == pytest.approx(float(values[0]), rel=1e-8)
    assert found.largest == pytest.approx(float(values[-1]), rel=1e-8)


def test_gradient_descent_converges_below_the_limit_and_not_above() -> None:
    values = torch.tensor([1.0, 4.0, 10.0], dtype=torch.float64)
    limit = curvature_at_start(quadratic(values, 0.0)).stability_limit
    for factor, grows in ((0.99, False), (1.01, True)):
        multipliers = (1 - factor * limit * values).abs()
        assert bool(multipliers.max() > 1) is grows


def test_a_flat_landscape_has_no_limit() -> None:
    found = curvature_at_start(quadratic(torch.zeros(3, dtype=torch.float64), 0.0))
    assert found.stability_limit == math.inf


@pytest.mark.parametrize(
    ("step_size", "message"), [(0.0, "positive finite"), (math.nan, "positive"), (0.2, "stable only below .* = 0.2;")]
)
def test_a_step_size_out_of_range_is_refused(step_size: float, message: str) -> None:
    with pytest.raises(RequestError, match=rf"^step size .*{message}"):
        check_step_size(step_size, curvature_at_start(quadratic(torch.tensor([10.0], dtype=torch.float64), 0.0)))
