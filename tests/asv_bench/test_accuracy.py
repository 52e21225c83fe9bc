from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import pytest
import torch

from villani_verify import Landscape
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.curvature.probe_signs import probe_signs
from villani_verify.estimation.estimate import Estimate

Bench = Callable[[str], ModuleType]


def test_reference_forms_match_the_closed_form_hessian(bench: Bench, quartic: Landscape) -> None:
    x = quartic.initial["theta"]
    # Hessian of Σx⁴ + xyz: 12x² on the diagonal, the third coordinate off it.
    hessian = torch.diag(12 * x**2) + torch.tensor([[0, x[2], x[1]], [x[2], 0, x[0]], [x[1], x[0], 0]], dtype=torch.float64)
    probes = [probe_signs("theta", x.shape, seed=5, index=k, like=x) for k in range(4)]
    expected = [float(v @ hessian @ v) for v in probes]
    # h = 1e-6: truncation 4 Σ x v³ h² ~ 1e-11, rounding ε‖∇L‖√d/h ~ 1e-8.
    assert bench("accuracy").reference_forms(quartic, seed=5, indices=range(4)) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("engine", [DoubleBackward(), ForwardOverReverse()], ids=lambda e: e.name)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_gate_passes_correct_engines(bench: Bench, engine: DoubleBackward, dtype: torch.dtype) -> None:
    landscape = bench("cases").load("gpt-neo-tiny", "cpu").to(dtype=dtype)
    forms = engine.quadratic_forms(landscape, landscape.initial, seed=0, indices=range(3))
    bench("accuracy").check_forms(forms, landscape, seed=0)


@pytest.mark.parametrize("wrong", [lambda q: q * (1 + 1e-4), lambda q: -q, lambda q: math.nan, lambda q: 0.0])
def test_the_gate_stops_wrong_engines(bench: Bench, quartic: Landscape, wrong: Callable[[float], float]) -> None:
    accuracy = bench("accuracy")
    right = DoubleBackward().quadratic_forms(quartic, quartic.initial, seed=0, indices=range(2))
    accuracy.check_forms(right, quartic, seed=0)
    message = r"function, probe 1: .* central differences give .*; mend the engine"
    with pytest.raises(accuracy.InaccurateEngineError, match=message):
        accuracy.check_forms([right[0], wrong(right[1])], quartic, seed=0)


def estimate(value: float, standard_error: float) -> Estimate:
    return Estimate(value, standard_error, 99, (), 100, "hutchinson", "float64", "cpu")


def test_estimates_must_be_right_and_as_narrow_as_asked(bench: Bench, quartic: Landscape) -> None:
    accuracy = bench("accuracy")
    # 12 Σx² = 63; forms differ from it by 2 (±z ± y ± x), whose standard deviation is 4.6, a mean of 64 by 0.57.
    accuracy.check_estimate(estimate(63.0, 0.6), quartic, seed=0, relative=0.01)
    accuracy.check_estimate(estimate(60.0, 0.6), quartic, seed=0, relative=0.01)
    for value in (63 + 6, 63 - 6, -63.0, math.nan):
        with pytest.raises(accuracy.InaccurateEngineError, match=r"estimate .*, quadratic forms have mean .*; mend the method"):
            accuracy.check_estimate(estimate(value, 0.01), quartic, seed=0, relative=0.01)
    for standard_error in (0.7, math.nan):
        with pytest.raises(accuracy.InaccurateEngineError):
            accuracy.check_estimate(estimate(63.0, standard_error), quartic, seed=0, relative=0.01)
    with pytest.raises(accuracy.InaccurateEngineError, match=r"63\.0 ± 0\.7 is not known to 1%; allow more samples"):
        accuracy.check_estimate(estimate(63.0, 0.7), quartic, seed=0, relative=0.01)
