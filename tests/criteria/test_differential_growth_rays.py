from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from villani_verify.criteria import differential_growth_rays as rays
from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.differential_growth_rays import claim, differential_growth_rays
from villani_verify.criteria.measured_family import MeasuredFamily
from villani_verify.criteria.result import Cost, CriterionResult, Status
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.engine import engine_for
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.psi import PointMeasurement
from villani_verify.landscape import Landscape
from villani_verify.search.families import Ray


def judge(landscape: Landscape, *, seed: int = 0, temperatures: tuple[float, ...] = ()) -> CriterionResult:
    settings = Settings(seed, engine_for("auto"), temperatures)
    return differential_growth_rays(landscape, budget_for("quick", landscape.dimension), settings)


def function(fn: Callable[[Tensor], Tensor], d: int, decay: float = 0.0) -> Landscape:
    return Landscape.from_function(fn, d, weight_decay=decay)


@pytest.mark.parametrize("d", [2, 100])
def test_on_a_bowl_everything_grows_quadratically(d: int) -> None:
    # F = 0.55‖θ‖²: ‖∇F‖² = 1.21 r² and s* = 1.1 r²/d, both exactly like r².
    result = judge(function(lambda t: 0.5 * t.square().sum(), d, 0.1))
    assert result.status == Status.SUPPORTED
    assert result.statistic_name == "growth exponent of s*"
    assert result.statistic == pytest.approx(2, abs=1e-3)
    assert result.evidence["gradient_growth"]["exponent"] == pytest.approx(2, abs=1e-3)
    assert result.evidence["gradient_growth"]["coefficient"] == pytest.approx(1.21, rel=0.01)
    assert result.evidence["critical_temperature_growth"]["coefficient"] == pytest.approx(1.1 / d, rel=0.01)
    assert result.witness is None
    # (1 − q)^n = 0.01 with n = 10 rays.
    assert "fails on at most 37% of rays" in result.summary


def test_a_quartic_grows_like_its_degree() -> None:
    # ‖∇F‖² ~ r⁶, ΔF ~ r².
    result = judge(function(lambda t: t.pow(4).sum(), 3))
    assert result.status == Status.SUPPORTED
    assert result.statistic == pytest.approx(4, abs=0.02)
    assert result.evidence["gradient_growth"]["exponent"] == pytest.approx(6, abs=0.02)


@pytest.mark.parametrize("seed", range(2))
def test_an_oscillating_gradient_refutes_every_ray(seed: int) -> None:
    result = judge(function(lambda t: (1 + torch.sin(t.square())).sum(), 1, 0.1), seed=seed)
    assert result.status == Status.REFUTED
    witness = result.witness
    assert witness is not None
    assert witness["family"]["kind"] == "isotropic"
    # Where ∇F = λx it is at most (λx)²/(4x²) = λ²/4 up to the level that the scan reaches.
    assert witness["bound"] < 0.1
    assert "On an isotropically drawn ray" in result.summary


def test_linear_growth_is_refuted_by_its_gradient() -> None:
    result = judge(function(lambda t: torch.sqrt(1 + t.square().sum()), 3))
    assert result.status == Status.REFUTED
    assert result.witness is not None
    assert result.witness["mechanism"] == "gradient"
    assert result.statistic_name == "growth exponent of ‖∇F‖²"


def test_a_plane_is_refuted() -> None:
    result = judge(function(lambda t: 1 + 0 * t.square().sum(), 2))
    assert result.status == Status.REFUTED
    assert result.interval is not None


def test_temperatures_are_in_the_claim() -> None:
    assert claim(()).endswith("for every s > 0")
    assert claim((0.5, 2.0)).endswith("for s = 0.5, 2")
    result = judge(function(lambda t: 0.5 * t.square().sum(), 2, 0.1), temperatures=(0.5,))
    assert result.claim == claim((0.5,))
    assert result.status == Status.SUPPORTED
    assert [p["temperature"] for p in result.evidence["families"][0]["points"][0]["psi"]] == [0.5]


def test_a_bounded_critical_temperature_spares_what_is_colder() -> None:
    # L = 1 + sin x² with λ = 3 has ∇F = (3 + 2c)x and ΔF ≤ 3 + 2c + 4x²√(1 − c²), c = cos x²: no zeros, and s* oscillates above
    # min (3 + 2c)²/(4√(1 − c²)) = 0.802, at c = (3 − √41)/4. So Ψ_s → ∞ for s < 0.802 and not above.
    ripples = function(lambda t: (1 + torch.sin(t.square())).sum(), 1, 3.0)
    assert judge(ripples, temperatures=(0.5,)).status != Status.REFUTED
    hot = judge(ripples, temperatures=(4.0,))
    assert hot.status == Status.REFUTED
    assert hot.witness is not None
    assert 0.80 < hot.witness["bound"] < 4.0


def test_a_refutation_is_measured_again_with_probes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    labels: list[str] = []
    measure = rays.measure_family

    def noted(*arguments: Any, label: str, **options: Any) -> MeasuredFamily:
        labels.append(label)
        return measure(*arguments, label=label, **options)

    monkeypatch.setattr(rays, "measure_family", noted)
    plane = function(lambda t: 1 + 0 * t.square().sum(), 2)
    assert judge(plane).status == Status.REFUTED
    assert len(labels) == len(set(labels)) == budget_for("quick", 2).rays + 1


def measured_ray(critical_temperatures: list[float]) -> MeasuredFamily:
    """‖∇F‖² = r², and the s* given, at five radii over a decade."""
    points = []
    for k, s in enumerate(critical_temperatures):
        r = 10.0 * 11 ** (k / 4)
        exact = Estimate.exact(r**2 / s, num_matvecs=1, method="exact", dtype="float64", device="cpu")
        points.append(PointMeasurement(r, 1.0, 1.0, r**2, r**2, exact, exact))
    return MeasuredFamily(Ray("isotropic", 0, 0), tuple(p.radius for p in points), tuple(points), 0, 16)


@pytest.mark.parametrize(
    ("critical_temperatures", "status"),
    [([1.0, 2.0, 4.0, 8.0, 16.0], Status.SUPPORTED), ([1.0, 16.0, 1.0, 16.0, 1.0], Status.INCONCLUSIVE)],
    ids=["growing", "scattered"],
)
def test_both_the_gradient_and_the_critical_temperature_must_grow(critical_temperatures: list[float], status: Status) -> None:
    measured = [measured_ray(critical_temperatures)] * 3
    result = rays._judge(measured, budget_for("quick", 2), Settings(0, engine_for("auto")), Cost())
    assert result.status == status
    assert ("is not established at this level" in result.summary) == (status == Status.INCONCLUSIVE)


def test_the_same_seed_gives_the_same_numbers() -> None:
    landscape = function(lambda t: torch.cosh(t / 10).sum(), 70, 0.1)
    first, again, other = (judge(landscape, seed=s) for s in (4, 4, 5))
    assert (first.statistic, first.interval, first.evidence) == (again.statistic, again.interval, again.evidence)
    assert first.evidence != other.evidence
    assert first.cost.num_matvecs == again.cost.num_matvecs > 0


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_what_probes_leave_open_is_measured_exactly_where_that_is_affordable(seed: int) -> None:
    # Twenty cosines with orthogonal waves of length 2: ΔL = −4 Σ cos(wᵀθ) is about ±13, sixteen probes have a standard error
    # of about 4.5, and λd is 1, so that they often leave the sign of ΔF open. ‖∇F‖² is 10⁻⁴ r², plus 40 from the sines.
    w = 2 * torch.linalg.qr(torch.randn(100, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))[0]
    landscape = Landscape.from_function(
        lambda t: (1 + (t @ w).cos()).sum(), 100, weight_decay=0.01, initial=torch.full((100,), 100.0, dtype=torch.float64)
    )
    settings, budget = Settings(seed, engine_for("auto")), budget_for("quick", 100)
    probed = differential_growth_rays(landscape, replace(budget, deciding_dimension=99), settings)
    assert probed.status == Status.INCONCLUSIVE
    assert probed.cost.num_matvecs == 10 * 9 * 16
    result = differential_growth_rays(landscape, budget, settings)
    assert result.status == Status.SUPPORTED
    assert result.interval is not None
    assert result.interval[0] < 2 < result.interval[1]
    exact = [f["points"] for f in result.evidence["families"] if f["points"][0]["laplacian"]["standard_error"] == 0]
    assert exact
    assert result.cost.num_matvecs == probed.cost.num_matvecs + len(exact) * 9 * 100
