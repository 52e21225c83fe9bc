from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from villani_verify import measurement
from villani_verify.errors import LandscapeError, RequestError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.measurement import psi
from villani_verify.points import norm

F64 = torch.float64
SCRIPT = Path(__file__).parents[1] / "scripts" / "check_psi_small.py"


def flat_loss(landscape: Landscape) -> tuple[Any, Tensor]:
    """L as a function of one vector, written from the model's logits up, and θ₀ as that vector."""
    model, tokens = landscape.loss_function.model, torch.cat(landscape.batches)
    shapes = {n: t.shape for n, t in landscape.initial.items()}

    def loss(theta: Tensor) -> Tensor:
        parts = theta.split([s.numel() for s in shapes.values()])
        point = {n: part.view(s) for (n, s), part in zip(shapes.items(), parts, strict=True)}
        logits = functional_call(model, point, (tokens,), {"use_cache": False}).logits
        log_p = logits - logits.logsumexp(-1, keepdim=True)
        return -log_p[:, :-1].gather(-1, tokens[:, 1:, None]).mean()

    return loss, torch.cat([t.reshape(-1) for t in landscape.initial.values()])


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_gpt_neo_tiny_against_an_independent_hessian(scale: float) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load()
    radius = scale * norm(landscape.initial)
    result = psi(landscape, radii=[radius], temperatures=[1e-3, 1.0, 50.0])
    (point,) = result.points
    loss, start = flat_loss(landscape)
    theta = start * scale
    # Reverse over reverse, row by row: neither forward mode nor vectorisation, unlike what is tested.
    h = torch.autograd.functional.hessian(loss, theta)
    (gradient,) = torch.autograd.grad(loss(theta.requires_grad_()), theta)
    full = gradient + 0.1 * theta.detach()
    laplacian, norm_squared = float(h.trace()), float(full @ full)
    assert point.loss_laplacian.is_exact
    assert point.radius == pytest.approx(radius, rel=1e-14)
    assert point.loss_laplacian.value == pytest.approx(laplacian, rel=1e-8)
    assert point.laplacian.value == pytest.approx(laplacian + 82.2, rel=1e-8)
    assert point.gradient_norm_squared == pytest.approx(norm_squared, rel=1e-8)
    assert point.critical_temperature == pytest.approx(norm_squared / (laplacian + 82.2), rel=1e-8)
    for s in (1e-3, 1.0, 50.0):
        assert point.psi(s) == pytest.approx(norm_squared / s - laplacian - 82.2, rel=1e-8)
    assert result.dimension == 822


@pytest.fixture(scope="module")
def script() -> ModuleType:
    if not SCRIPT.exists():
        pytest.skip("the scripts are not part of an installed package")
    spec = importlib.util.spec_from_file_location("check_psi_small", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_gpt_neo_small_against_very_many_probes(script: ModuleType) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-small", sequences=1, sequence_length=16).load()
    found = script.compare(landscape, seeds=10, num_probes=16, reference_probes=256)
    # Four standard errors with 15 degrees of freedom are exceeded with probability 1.2e-3: two or more times in ten
    # seeds with 6e-5. Seeds are fixed, so this can only appear when the code changes.
    assert found.within(4.0) >= 9, found.deviations
    # The deviations are not all tiny either: the standard error is no larger than it should be. All ten below 0.1
    # would have probability 1e-11.
    assert max(map(abs, found.deviations)) > 0.1


def test_the_script_s_count(script: ModuleType) -> None:
    assert script.Comparison(None, (0.0, -4.1, 3.9, 4.1)).within() == 2


def bowl(d: int = 4, **options: Any) -> Landscape:
    return Landscape.from_function(lambda t: (t**2).sum() + 0.25 * (t**4).sum(), d, **options)


def test_radii_scale_the_reference_point() -> None:
    landscape = bowl(4, weight_decay=0.5)
    result = psi(landscape, radii=[2.0, 6.0])
    for point, radius in zip(result.points, (2.0, 6.0), strict=True):
        # All coordinates are r/2: ∂F = 2x + x³ + x/2, ΔF = Σ 2 + 3x² + ½.
        x = radius / 2
        assert point.radius == pytest.approx(radius, rel=1e-14)
        assert point.gradient_norm_squared == pytest.approx(4 * (2.5 * x + x**3) ** 2, rel=1e-12)
        assert point.laplacian.value == pytest.approx(4 * (2.5 + 3 * x**2), rel=1e-12)
    assert landscape.initial["theta"].tolist() == [0.5] * 4


def test_without_radii_the_point_is_taken_as_it_is() -> None:
    landscape = bowl(4, initial=torch.zeros(4, dtype=F64))
    (point,) = psi(landscape).points
    assert (point.radius, point.gradient_norm_squared, point.laplacian.value) == (0.0, 0.0, 8.0)


def test_exact_up_to_the_limit_and_probes_above(monkeypatch: pytest.MonkeyPatch) -> None:
    assert psi(bowl(30)).points[0].laplacian.is_exact
    monkeypatch.setattr(measurement, "EXACT_DIMENSION", 29)
    assert psi(bowl(30)).points[0].laplacian.num_matvecs == 16


def test_probes_are_used_where_they_are_asked_for() -> None:
    assert psi(bowl(), num_probes=12).points[0].laplacian.num_matvecs == 12
    # A diagonal Hessian has no variance, so the first look is enough: a pilot of 32, and the fewest samples with their margin.
    (point,) = psi(bowl(), target_relative_error=0.01).points
    assert (point.laplacian.num_matvecs, len(point.laplacian.samples), point.laplacian.alpha_share) == (32 + 13, 13, 0.8)


def test_every_radius_has_probes_of_its_own_and_the_seed_counts() -> None:
    h = torch.ones(6, 6, dtype=F64)
    landscape = Landscape.from_function(lambda t: 0.5 * t @ h @ t, 6)

    def samples(seed: int) -> list[tuple[float, ...]]:
        return [p.loss_laplacian.samples for p in psi(landscape, radii=[1.0, 2.0], num_probes=30, seed=seed).points]

    # The Hessian is the same at both radii; only the probes differ.
    first, second = samples(0)
    assert first != second
    assert samples(0) == [first, second]
    assert samples(1)[0] != first


def test_results_object() -> None:
    result = psi(bowl(4, weight_decay=0.5), radii=[2.0], temperatures=[0.5, 2.0], num_probes=10, engine="reverse", level=0.9)
    about = result.as_dict()
    assert json.loads(json.dumps(about, allow_nan=False)) == about
    assert (about["dimension"], about["engine"], about["level"]) == (4, "reverse", 0.9)
    assert about["seconds"] > 0
    assert about["seconds_per_probe"] == pytest.approx(about["seconds"] / 10)
    assert about["peak_memory_bytes"] > 1e6
    (row,), (point,) = about["points"], result.points
    assert row["radius"] == pytest.approx(2.0)
    assert row["loss"] == pytest.approx(4 + 1)
    assert row["value"] == pytest.approx(5 + 1)
    assert row["gradient_norm_squared"] == pytest.approx(49.0)
    assert row["loss_gradient_norm_squared"] == pytest.approx(36.0)
    assert row["laplacian"]["value"] == pytest.approx(22.0)
    assert row["loss_laplacian"] == pytest.approx(20.0)
    assert (row["laplacian"]["num_matvecs"], row["laplacian"]["method"]) == (10, "hutchinson, reverse")
    assert [p["temperature"] for p in row["psi"]] == [0.5, 2.0]
    assert [p["value"] for p in row["psi"]] == pytest.approx([49 / 0.5 - 22, 49 / 2 - 22])
    assert row["psi"][0]["interval"] == list(point.psi_interval(0.5, 0.9))
    assert row["critical_temperature"]["value"] == pytest.approx(49 / 22)
    assert row["critical_temperature"]["interval"] == list(point.critical_temperature_interval(0.9))


def test_an_infinite_critical_temperature_is_written_in_words() -> None:
    landscape = Landscape.from_function(lambda t: 2 + t.cos().sum(), 3, initial=torch.full((3,), 0.1, dtype=F64))
    about = psi(landscape).as_dict()
    assert about["points"][0]["critical_temperature"] == {"value": "Infinity", "interval": ["Infinity", "Infinity"]}
    json.dumps(about, allow_nan=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperatures": [0.0]}, r"^temperature 0.0: it is not a positive finite number; give one such as 0.01$"),
        ({"temperatures": [1.0, -2.0]}, r"^temperature -2.0: "),
        ({"temperatures": [math.nan]}, r"^temperature nan: "),
        ({"radii": [0.0]}, r"^radius 0.0: it is not a positive finite number; give one such as 10$"),
        ({"radii": [1.0, math.inf]}, r"^radius inf: "),
        ({"radii": [math.nan]}, r"^radius nan: "),
        ({"num_probes": 1}, r"^number of probes 1: an interval needs at least 2, and 10 to cover; give 16$"),
        ({"num_probes": 0}, r"^number of probes 0: "),
        ({"target_relative_error": 0.0}, r"^target relative error 0.0: it is not between 0 and 1; give one such as 0.01$"),
        ({"target_relative_error": 1.0}, r"^target relative error 1.0: "),
        ({"target_relative_error": math.nan}, r"^target relative error nan: "),
        ({"engine": "fast"}, r"^engine 'fast': unknown"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        psi(bowl(), **options)


def test_a_radius_of_a_zero_point() -> None:
    landscape = bowl(4, initial=torch.zeros(4, dtype=F64), name="zero")
    with pytest.raises(RequestError, match=r"^radius 3: the reference point of 'zero' is zero and cannot be scaled; leave it out$"):
        psi(landscape, radii=[3.0])


def test_a_loss_that_is_none() -> None:
    with pytest.raises(LandscapeError, match="is negative"):
        psi(Landscape.from_function(lambda t: t.sum() - 10, 3))


def test_a_radius_where_the_loss_overflows() -> None:
    landscape = Landscape.from_function(lambda t: t.exp().sum(), 3)
    with pytest.raises(LandscapeError, match=r"^loss of landscape 'function' at radius 3000: inf is not finite in float64"):
        psi(landscape, radii=[3000.0])
