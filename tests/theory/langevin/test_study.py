from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from villani_verify import Landscape
from villani_verify.errors import LandscapeError, RequestError
from villani_verify.landscapes.zoo import zoo_entry
from villani_verify.theory.langevin.predictions import QuadraticChain
from villani_verify.theory.langevin.study import study

# About a dozen numbers of each cell are compared with closed forms at this level.
LEVEL = 0.9999


def check_quadratic_cell(cell: dict[str, Any], chain: QuadraticChain) -> None:
    fine = QuadraticChain(chain.weight_decay, chain.temperature, chain.step_size / 2, chain.dimension)
    mixing, relaxation, bias = cell["mixing_rate"], cell["relaxation"], cell["discretisation_bias"]
    expected = [
        (mixing["slowest_rate"], chain.rate),
        (mixing["poincare"], chain.poincare),
        (mixing["rayleigh"], chain.variance),
        (mixing["observable_rates"]["F"], 2 * chain.rate),
        (mixing["observable_rates"]["‖θ‖²"], 2 * chain.rate),
        (relaxation["rate"], 2 * chain.rate),
        (relaxation["limit"], chain.limit),
        (bias["means"]["F"]["coarse"], chain.limit),
        (bias["means"]["F"]["difference"], chain.limit - fine.limit),
        (bias["means"]["F"]["extrapolated"], 2 * fine.limit - chain.limit),
        (bias["means"]["‖θ‖²"]["coarse"], chain.dimension * chain.variance),
        (bias["poincare"]["extrapolated"], fine.poincare**2 / chain.poincare),
    ]
    for i, (measured, truth) in enumerate(expected):
        if measured is not None:
            assert measured["interval"][0] <= truth <= measured["interval"][1], (i, measured, truth)
    # Starting at equilibrium there may be no decay of F to see; all else must be there.
    assert [i for i, (measured, _) in enumerate(expected) if measured is None] in ([], [5, 6])
    # The extrapolated numbers are those of the continuous dynamics, up to second order in ηλ = 0.1.
    assert 2 * fine.limit - chain.limit == pytest.approx(chain.dimension * chain.temperature / 4, rel=0.003)
    assert fine.poincare**2 / chain.poincare == pytest.approx(chain.temperature / (2 * chain.weight_decay), rel=0.003)


def test_quadratics(flat: Callable[..., Landscape]) -> None:
    found = study(flat(3, 1.0), weight_decays=[0.2], temperatures=[0.5], chains=24, steps=3600, seed=1, level=LEVEL).as_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [(c["weight_decay"], c["temperature"]) for c in found["cells"]] == [(0.2, 0.5)]
    for cell in found["cells"]:
        assert cell["status"] == "measured", cell["reason"]
        assert cell["stability_limit"] == pytest.approx(2 / cell["weight_decay"])
        assert cell["step_size"] == pytest.approx(0.05 * cell["stability_limit"])
        check_quadratic_cell(cell, QuadraticChain(cell["weight_decay"], 0.5, cell["step_size"], 3))
        assert cell["predicted"]["decay_alone"] == {"poincare": 0.25 / cell["weight_decay"], "rate": cell["weight_decay"]}
        assert cell["predicted"]["stated"]["poincare"] == pytest.approx(
            0.25 / cell["weight_decay"] + 3 * (0.25 / cell["weight_decay"]) ** 2
        )
        assert cell["predicted"]["stated"]["violated"] is False
    assert found["notes"] == []


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [1, 10, 1000])
@pytest.mark.parametrize(("weight_decay", "temperature"), [(0.1, 2.0), (3.0, 1e-3)])
def test_quadratics_of_all_sizes(flat: Callable[..., Landscape], dimension: int, weight_decay: float, temperature: float) -> None:
    options = {"weight_decays": [weight_decay], "temperatures": [temperature], "chains": 24, "steps": 6000, "seed": 2}
    (cell,) = study(flat(dimension, 1.0), **options, level=LEVEL).as_dict()["cells"]
    assert cell["status"] == "measured", cell["reason"]
    check_quadratic_cell(cell, QuadraticChain(weight_decay, temperature, cell["step_size"], dimension))


HEIGHT, STEP = 4.0, 0.01


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, -HEIGHT * (2 * np.tanh(3 * x) ** 2 - 1))


def transition_constant(points: int = 1201, edge: float = 6.0) -> float:
    """(s/2)/rate of the discretised chain at s = 2 from the second eigenvalue of its kernel, F′ by central differences."""
    x = np.linspace(-edge, edge, points)
    slope = (softplus(x + 1e-6) - softplus(x - 1e-6)) / 2e-6 + x
    kernel = np.exp(-((x[None] - (x - STEP * slope)[:, None]) ** 2) / (4 * STEP))
    kernel /= kernel.sum(1, keepdims=True)
    return -STEP / math.log(np.sort(np.abs(np.linalg.eigvals(kernel)))[-2])


@pytest.mark.slow
def test_a_well_that_refutes_the_stated_bound() -> None:
    # L = log(1 + exp(−A(2 tanh²(3x) − 1))), A = 4, λ = 1, s = 2: C_P is 6.60 by finite volumes, and the bound says 2.
    landscape = Landscape.from_function(
        lambda x: nn.functional.softplus(-HEIGHT * (2 * torch.tanh(3 * x).square() - 1)).sum(), 1, weight_decay=1.0, name="wells"
    )
    options = {"temperatures": [2.0], "step_size": STEP, "chains": 20, "steps": 150_000, "burn_in": 5000, "measure_bias": False}
    (cell,) = study(landscape, **options, level=LEVEL).as_dict()["cells"]
    assert cell["status"] == "measured", cell["reason"]
    low, high = cell["mixing_rate"]["poincare"]["interval"]
    assert low <= transition_constant() <= high
    assert cell["predicted"]["stated"] == {"poincare": 2.0, "rate": 0.5, "violated": True}


def test_chains_in_two_deep_wells_have_not_mixed(double_well: Callable[..., Landscape]) -> None:
    (cell,) = study(double_well(), temperatures=[0.02], chains=12, steps=400, seed=0).as_dict()["cells"]
    assert cell["status"] == "not_mixed"
    assert cell["reason"].startswith("not mixed: split-R̂ of θ[0]")
    assert cell["mixing_rate"]["poincare"] is None
    assert cell["discretisation_bias"] == {"means": {}, "poincare": None}
    assert cell["predicted"]["stated"]["violated"] is None
    assert cell["autocorrelation_curves"] == {}


def test_a_diverging_cell_has_no_number_and_others_go_on() -> None:
    # At θ₀ = 1 the curvature is 13, but the Gaussian at s = 200 starts where θ⁴ is far steeper.
    landscape = Landscape.from_function(lambda x: x.pow(4).sum(), 1, weight_decay=1.0)
    found = study(landscape, temperatures=[200.0, 0.01], chains=8, steps=400, step_size=0.1, measure_bias=False)
    assert found.cells[0].status == "diverged"
    assert found.cells[1].status != "diverged"
    assert found.diverged
    cell = found.as_dict()["cells"][0]
    assert "diverges; give a --step-size below 0.1" in cell["reason"]
    assert (cell["relaxation"], cell["mixing_rate"], cell["value_curve"]) == (None, None, [])


def test_a_stopped_study_goes_on_to_the_same_numbers(double_well: Callable[..., Landscape], tmp_path: Path) -> None:
    options = {"temperatures": [1.0, 2.0], "chains": 6, "steps": 300, "seed": 5}
    whole = study(double_well(), **options).as_dict()

    def stop(what: str, done: int, total: int) -> None:
        if "s = 2" in what and done > 100:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("villani_verify.theory.langevin.chains.SECONDS_BETWEEN_SHOWS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            study(double_well(), **options, directory=tmp_path / "new", progress=stop)
    names = {"chains-0-0-coarse.npz", "chains-0-0-fine.npz", "chains-0-1-coarse.npz"}
    assert {p.name for p in (tmp_path / "new").iterdir()} == names
    resumed = study(double_well(), **options, directory=tmp_path / "new", resume=True).as_dict()
    assert resumed | {"seconds": 0} == whole | {"seconds": 0}


def test_mini_batches_report_their_noise() -> None:
    torch.manual_seed(0)
    module, inputs, targets = nn.Linear(2, 1).double(), torch.randn(6, 2).double(), torch.randn(6, 1).double()
    landscape = Landscape.from_module(module, nn.functional.mse_loss, [(inputs, targets)], weight_decay=0.5)
    found = study(landscape, temperatures=[0.1], chains=4, steps=200, batch=2, measure_bias=False).as_dict()
    noise = found["cells"][0]["gradient_noise"]
    assert (noise["batch"], noise["rows"]) == (2, 6)
    assert noise["heating"] == pytest.approx(found["cells"][0]["step_size"] * noise["largest_eigenvalue"] / 0.1)
    assert len(found["notes"]) == 2
    assert "warmer" in found["notes"][1]


def test_long_runs_are_recorded_sparsely(flat: Callable[..., Landscape], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("villani_verify.theory.langevin.plan.MOST_RECORDS", 250)
    found = study(flat(1, 1.0), chains=4, steps=1000, measure_bias=False)
    assert found.record_every == 4
    assert found.cells[0].values[-1]["time"] == pytest.approx(1000 * found.cells[0].step_size)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperatures": [0.0]}, r"^temperature 0.0: it is not a positive"),
        ({"temperatures": [1.0, -2.0]}, r"^temperature -2.0"),
        ({"weight_decays": [0.1, 0.0]}, r"^weight decay 0.0: exp\(−2F/s\) need not be integrable"),
        ({"weight_decays": [-1.0]}, r"^weight decay -1.0"),
        ({"weight_decays": [math.nan]}, r"^weight decay nan"),
        ({"step_size": 3.0}, r"^step size 3: at the start the chain is stable only below 2/‖∇²F‖ = 0.\d+; give a smaller one"),
        ({"step_size": 0.0}, r"^step size 0.0"),
        ({"chains": 1}, r"^chains 1: two choose the observable and two give the interval"),
        ({"chains": 3}, r"^chains 3"),
        ({"steps": 50}, r"^steps 50: 38 are left after a burn-in of 12, too few .*; give at least 112, and 6000"),
        ({"burn_in": 950}, r"^steps 1000: 50 are left"),
        ({"burn_in": -1}, r"^burn-in -1"),
        ({"batch": 2}, r"^mini-batches of landscape 'double well': it has no rows"),
        ({"start": "there"}, r"^start 'there': unknown"),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_written(
    double_well: Callable[..., Landscape], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        study(double_well(), **({"steps": 1000} | options), directory=tmp_path / "new")
    assert not (tmp_path / "new").exists()


class TestUndecayed:
    def test_what_may_not_be_normalisable_is_refused(self, flat: Callable[..., Landscape]) -> None:
        with pytest.raises(
            RequestError, match=r"^weight decay 0 of parameter 'theta' in landscape 'flat': exp\(−2F/s\) need not be"
        ):
            study(flat(1, 0.0))
        entry = zoo_entry("logistic-regression-undecayed")
        with pytest.raises(RequestError, match="need not be integrable"):
            study(entry.make())

    def test_what_the_zoo_has_a_proof_for_is_run(self) -> None:
        found = study(zoo_entry("quartic-undecayed").make(), chains=4, steps=200, measure_bias=False)
        assert found.start == "reference"
        assert found.as_dict()["cells"][0]["predicted"] == {"decay_alone": None, "stated": None}
        assert "normalisable by the zoo's proof, not by weight decay" in found.notes
        with pytest.raises(RequestError, match="no Gaussian to draw from"):
            study(zoo_entry("quartic-undecayed").make(), start="mixed")


def test_a_loss_that_is_no_landscape_is_refused() -> None:
    with pytest.raises(LandscapeError, match="negative"):
        study(Landscape.from_function(lambda x: -x.square().sum(), 1, weight_decay=3.0))


def test_large_models_start_where_they_are(flat: Callable[..., Landscape]) -> None:
    assert study(flat(1001, 1.0), chains=4, steps=140, measure_bias=False).start == "reference"
    assert study(flat(10, 1.0), chains=4, steps=140, measure_bias=False).start == "mixed"
