from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.curvature.hessian_vector import hessian_vector
from villani_verify.curvature.probe_signs import probe_of
from villani_verify.curvature.probes import derive_seed
from villani_verify.landscape import Landscape
from villani_verify.landscapes.architectures import gpt_neo_tiny
from villani_verify.landscapes.models import load_model
from villani_verify.landscapes.stored import stored_causal_lm
from villani_verify.points import squared_norm
from villani_verify.runs.kinds.streamed import streamed
from villani_verify.runs.unit import canonical
from villani_verify.search.families import family_of

TOKENS = torch.arange(24).reshape(2, 12) % 7
FAMILY = {"type": "ray", "kind": "isotropic", "seed": 5, "index": 2, "base": "initial", "tensor": None}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    gpt_neo_tiny().save_pretrained(made)
    return made


def unit(first: int, count: int) -> dict[str, Any]:
    return {"family": FAMILY, "r": 3.0, "seed": 7, "first": first, "count": count}


def test_it_is_what_reverse_mode_says_of_the_loaded_model(directory: Path) -> None:
    there = stored_causal_lm(directory, TOKENS, dtype=torch.float64)
    here = Landscape.causal_lm(load_model(str(directory), dtype=torch.float64), TOKENS)
    found = streamed(there, unit(0, 3))
    point = family_of(FAMILY).points(here)(3.0)
    loss, gradient = loss_and_gradient(here, point)
    assert found["loss"] == pytest.approx(loss, rel=1e-12)
    assert found["dtype"] == "float64"
    assert found["squares"] == pytest.approx({n: squared_norm(t) for n, t in point.items()}, rel=1e-12)
    seed = derive_seed(7, "campaign", canonical(FAMILY))
    for k in range(3):
        v = probe_of(point, seed=seed, index=k)
        assert found["slopes"][k] == pytest.approx(math.fsum(float((v[n] * gradient[n]).sum()) for n in v), rel=1e-9)
        product = hessian_vector(torch.func.grad(lambda p: here.loss_function(p, TOKENS)), dict(point), v)
        assert found["forms"][k] == pytest.approx(math.fsum(float((v[n] * product[n]).sum()) for n in v), rel=1e-8)
        for name, tensor in point.items():
            assert found["dots"][name][k] == pytest.approx(float((v[name] * tensor).sum()), rel=1e-9, abs=1e-12)


def test_ranges_share_the_probes_of_one_address(directory: Path) -> None:
    landscape = stored_causal_lm(directory, TOKENS, dtype=torch.float64)
    whole, second = streamed(landscape, unit(0, 4)), streamed(landscape, unit(2, 2))
    assert second["slopes"] == pytest.approx(whole["slopes"][2:], rel=1e-12)
    assert second["forms"] == pytest.approx(whole["forms"][2:], rel=1e-10)
    assert "loss" not in second


def test_what_is_not_finite_is_none(directory: Path) -> None:
    landscape = stored_causal_lm(directory, TOKENS, dtype=torch.float32)
    assert streamed(landscape, unit(0, 2) | {"r": 1e30})["forms"] is None
