from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from villani_verify import Landscape, replay
from villani_verify.landscapes.zoo import zoo_entry
from villani_verify.search.families import Ray, Scaling
from villani_verify.testing.growth import bounded_over_decade

NAME = "differential_growth_uniform"


def test_balanced_logits_are_refuted_by_switching_one_factor_off() -> None:
    # On b = 0, a = c = r/√2 the zoo proves s* = λ²r²/(r⁴/16 + 3λ) → 0.
    landscape = zoo_entry("balanced-logits").make()
    found = bounded_over_decade(landscape, NAME, Scaling({"a": 1, "c": 1}, ("b",)), 1e3, level=0.999)
    assert found is not None
    assert found.witness["every_temperature"] is True
    # s* ~ 16 λ²/r²: exponent −2.
    assert found.witness["exponent"] == pytest.approx(-2, abs=0.01)
    assert "Set b to zero and multiply a by r, c by r" in found.summary
    assert replay(found.witness, landscape).reproduced


@pytest.mark.parametrize("name", ["isotropic-bowl", "double-well", "quartic-undecayed"])
def test_landscapes_that_grow_are_not_refuted(name: str) -> None:
    landscape = zoo_entry(name).make()
    for ray in (Ray("isotropic", 3, 0), Ray("sparse", 5, 0), Ray("sign", 1, 0, "initial")):
        assert bounded_over_decade(landscape, NAME, ray, 1e3, level=0.999) is None


def test_a_vanishing_gradient_between_grid_points_is_found() -> None:
    # 1 + sin θ²: ∇F = 0 only where cos θ² = −λ/2, on points that no grid meets.
    found = bounded_over_decade(zoo_entry("oscillating-gradient").make(), NAME, Ray("isotropic", 0, 0), 10, level=0.999)
    assert found is not None


def test_growth_that_begins_late_is_not_taken_for_none() -> None:
    # ½ Σ h_i θ_i², h = 1 … 10⁶, from θ₀ = 1/√7 along the flattest axis: ‖∇F‖² = r² + (10⁶/√7)² + …, flat up to r ~ 4·10⁵.
    landscape = zoo_entry("ill-conditioned-bowl").make()
    rays = [Ray("sparse", seed, 0, "initial") for seed in range(80)]
    flattest = [r for r in rays if float(r.direction(landscape)["theta"][0]) != 0]
    assert flattest
    assert bounded_over_decade(landscape, NAME, flattest[0], 1e3, level=0.999) is None


def test_a_family_that_never_reaches_the_radius() -> None:
    shrinking = Scaling({"a": -1, "b": -1, "c": -1})
    assert bounded_over_decade(zoo_entry("balanced-logits").make(), NAME, shrinking, 1e3, level=0.999) is None


def two_factors(pairs: int) -> Landscape:
    """½ Σ_i (a_i b_i − 1)²: with b = 0 and a = r·1, ΔL = pairs·r² and ‖∇F‖² = (1 + λ²)·pairs·r², so s* → 1 + λ²."""

    def loss(theta: torch.Tensor) -> torch.Tensor:
        a, b = theta.split(pairs)
        return 0.5 * (a * b - 1).square().sum()

    return Landscape.from_function(loss, 2 * pairs, weight_decay=0.1, blocks={"a": pairs, "b": pairs}, name="two-factors")


@pytest.mark.parametrize("pairs", [50, 1100], ids=["exact Laplacian", "probes, twice"])
def test_larger_landscapes(pairs: int) -> None:
    landscape = two_factors(pairs)
    found = bounded_over_decade(landscape, NAME, Scaling({"a": 1}, ("b",)), 1e3, level=0.999)
    assert found is not None
    # The Hessian is diagonal up to pairs (a_i, b_i) with entries 2ab − 1 = −1, small beside a² = r².
    assert found.witness["bound"] == pytest.approx(1.01, rel=1e-3)
    assert replay(found.witness, landscape).reproduced
    assert bounded_over_decade(landscape, NAME, Ray("isotropic", 0, 0), 1e3, level=0.999) is None


def test_a_loss_that_changes_is_passed_over_if_asked() -> None:
    landscape = two_factors(50)
    # L grows along b = const ≠ 0, and stays 25 on b = 0.
    assert bounded_over_decade(landscape, NAME, Scaling({"a": 1}, ("b",)), 1e3, level=0.999, largest_loss_change=1e-6) is not None
    drifting = replace(landscape, loss_function=_plus_log(landscape))
    family = Scaling({"a": 1}, ("b",))
    assert bounded_over_decade(drifting, NAME, family, 1e3, level=0.999, largest_loss_change=1e-3) is None
    assert bounded_over_decade(drifting, NAME, family, 1e3, level=0.999) is not None


def _plus_log(landscape: Landscape):
    inner = landscape.loss_function

    class Drifting:
        def __call__(self, point, batch):
            return inner(point, batch) + torch.log1p(point["a"].square().sum())

        def to(self, device, dtype):
            return self

    return Drifting()
