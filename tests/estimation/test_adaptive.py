from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.exact import exact_laplacian
from villani_verify.errors import RequestError
from villani_verify.estimation.adaptive import METHODS, check_method, laplacian_to_relative_error
from villani_verify.estimation.estimate import Estimate
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.points import Point

F64 = torch.float64


class OfForm:
    """An engine for L = ½ θᵀHθ, by one matrix product: fast enough for thousands of replications."""

    name = "matrix"

    def __init__(self, form, *, rounds: bool = False) -> None:
        self.form = form
        self.rounds = rounds

    def rounded(self, landscape: Landscape):
        return Rounded(self.form) if self.rounds else None

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        return self.form.forms(self.form.signs(seed, indices))

    laplacian_samples = quadratic_forms

    def trace_form(self, landscape: Landscape, point: Point):
        return self.form


class Rounded(OfForm):
    """Samples that are 10 % too large."""

    def laplacian_samples(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        return [1.1 * x for x in self.quadratic_forms(landscape, point, seed=seed, indices=indices)]


@pytest.fixture
def run(dense_form):
    def estimate(matrix: Tensor, *, target: float, seed: int = 0, **options) -> tuple[Estimate, int]:
        form = dense_form(matrix)
        engine = OfForm(form, rounds=options.get("method") == "two-level")
        landscape = Landscape.from_function(lambda t: 0.5 * t @ matrix @ t + 1e3, len(matrix))
        found = laplacian_to_relative_error(landscape, landscape.initial, engine=engine, target=target, seed=seed, **options)
        return found, form.num_products + form.num_forms

    return estimate


def falling(d: int, power: float = 1.2) -> Tensor:
    values = 100.0 / torch.arange(1, d + 1, dtype=F64) ** power
    q = torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(d), dtype=F64)).Q
    return (q * values) @ q.T


@pytest.mark.parametrize("method", METHODS)
def test_the_width_is_what_was_asked_for_and_all_work_is_counted(run, method: str) -> None:
    matrix = falling(200)
    estimate, spent = run(matrix, target=0.02, method=method)
    low, high = estimate.interval(0.95)
    assert (high - low) / 2 <= 0.02 * estimate.value
    assert estimate.num_matvecs == spent > len(estimate.samples)
    assert abs(estimate.value - float(matrix.trace())) < 5 * estimate.standard_error


def test_what_it_chose_and_why(run) -> None:
    matrix = falling(200)
    assert run(matrix, target=0.5)[0].method == "hutchinson, matrix"
    assert run(matrix, target=0.02, method="hutchinson")[0].method == "hutchinson, matrix"
    assert run(matrix, target=0.5, method="hutch++")[0].method == "hutch++ with 16 dimensions, matrix"
    chosen, spent = run(matrix, target=0.01)
    assert chosen.method.startswith("hutch++ with ")
    assert spent < run(matrix, target=0.01, method="hutchinson")[1] / 2
    assert run(matrix, target=0.5, method="two-level")[0].method == "hutchinson, matrix"  # few samples are left as they are
    assert run(matrix, target=0.01, method="two-level")[0].method.startswith("two-level with ")


@pytest.mark.parametrize("method", METHODS)
def test_coverage_whenever_the_drawing_stops(run, method: str) -> None:
    # At least 95 % by the union bound over looks. With N = 600 the fraction has deviation 0.89 %, so it falls below
    # 95 % − 5 · 0.89 % = 90.5 % with a probability of 3e-7 if the level is just 95 %.
    matrix = falling(100, power=0.8)
    truth = float(matrix.trace())
    covered = 0
    for seed in range(600):
        low, high = run(matrix, target=0.02 if method == "two-level" else 0.05, seed=seed, method=method)[0].interval(0.95)
        covered += low <= truth <= high
    assert covered >= 0.905 * 600


def test_no_spread_takes_the_fewest_samples(run) -> None:
    estimate, _ = run(torch.eye(4, dtype=F64), target=1e-6)
    assert (estimate.value, estimate.standard_error) == (4.0, 0.0)
    assert len(estimate.samples) <= 13


@pytest.mark.parametrize("method", METHODS)
def test_a_laplacian_that_is_not_finite(run, method: str) -> None:
    estimate, _ = run(torch.full((3, 3), math.nan, dtype=F64), target=0.01, method=method)
    assert math.isnan(estimate.value)


@pytest.mark.parametrize("engine", ["taylor", "forward-over-reverse"])
def test_on_a_transformer(engine: str) -> None:
    landscape = LandscapeRequest(landscape="gpt2-tiny", sequences=2, sequence_length=12).load()
    estimate = laplacian_to_relative_error(
        landscape, landscape.initial, engine=engine_for(engine), target=0.2, seed=2, method="hutch++"
    )
    exact = exact_laplacian(landscape, landscape.initial)
    # 5 standard errors: error probability 6e-7.
    assert abs(estimate.value - exact) < 5 * estimate.standard_error
    assert 1.96 * estimate.standard_error < 0.2 * estimate.value


@pytest.mark.parametrize("method", ["hutchinson", "two-level"])
def test_the_most_samples_are_counted_in_either_precision(run, method: str) -> None:
    estimate, spent = run(falling(200), target=1e-4, method=method, max_samples=500)
    assert estimate.num_matvecs == spent
    assert 450 < spent <= 500 + 32 + 2 * 8  # with the pilots


def test_two_levels_where_there_is_one(dense_form) -> None:
    landscape = Landscape.from_function(lambda t: t.square().sum(), 3)
    engine = OfForm(dense_form(torch.eye(3, dtype=F64)))
    with pytest.raises(RequestError, match=r"^method 'two-level': engine 'matrix' has no cheaper samples .*; choose auto$"):
        laplacian_to_relative_error(landscape, landscape.initial, engine=engine, target=0.1, seed=0, method="two-level")


def test_unknown_methods() -> None:
    with pytest.raises(RequestError, match=r"^method 'hutch\+': unknown; choose one of auto, .* \(did you mean 'hutch\+\+'\?\)$"):
        check_method("hutch+")
