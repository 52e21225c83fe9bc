from __future__ import annotations

import json
import math

import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.theory.constants import constants_of_landscape, constants_of_numbers
from villani_verify.theory.gibbs import Gibbs


def test_of_numbers_alone() -> None:
    found = constants_of_numbers(Gibbs(100, 0.5), oscillation=1.0, smoothness=2.0)
    values = {b.name: b.value for b in found.bounds}
    assert values == {"das-dutta": pytest.approx(402), "holley-stroock": pytest.approx(2 * math.e)}
    assert found.initial == 100
    assert {m.bound: m.time for m in found.mixing} == {
        "das-dutta": pytest.approx(201 * math.log(1e4)),
        "holley-stroock": pytest.approx(math.e * math.log(1e4)),
    }
    assert all(m.steps is not None for m in found.mixing)
    assert found.measured is None


def test_of_a_large_quadratic_the_least_eigenvalue_is_found() -> None:
    curvature = torch.linspace(0.5, 3, 40, dtype=torch.float64)
    found = constants_of_landscape(Landscape.from_function(lambda x: 0.5 * (curvature * x**2).sum(), 40, weight_decay=0.1))
    values = {b.name: b.value for b in found.bounds}
    assert values["bakry-emery"] == pytest.approx(1 / 0.6)
    assert values["holley-stroock"] is None


def test_a_landscape_that_is_too_large_for_a_dense_hessian_is_not_checked() -> None:
    found = constants_of_landscape(Landscape.from_function(lambda x: 0.5 * (x**2).sum(), 301, weight_decay=0.1))
    bound = {b.name: b for b in found.bounds}["bakry-emery"]
    assert bound.value is None
    assert str(bound.conditions[0].status) == "not checked"


def test_as_json(well) -> None:
    found = json.loads(json.dumps(constants_of_landscape(well(5.0, 1.0), measure=True).as_dict(), allow_nan=False))
    assert set(found) >= {"bounds", "measured", "tightness", "mixing", "dimension", "weight_decay", "temperature"}
    assert {"value", "interval", "method"} <= set(found["measured"]["poincare"])
    assert all({"name", "value", "conditions", "source"} <= set(b) for b in found["bounds"])
    assert {t["name"]: t["violated"] for t in found["tightness"]} == {
        "das-dutta": True, "holley-stroock": False, "lyapunov": False
    }  # fmt: skip
    assert found["smoothness"] > 100


def test_wrong_numbers_are_said_before_the_work(well, monkeypatch) -> None:
    monkeypatch.setattr("villani_verify.theory.constants.audit", lambda *_: pytest.fail("the work began"))
    with pytest.raises(RequestError, match="target 2: it is not between 0 and the initial divergence 1"):
        constants_of_landscape(well(5.0, 1.0), measure=True, target=2.0)
