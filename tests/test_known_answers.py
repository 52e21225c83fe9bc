"""A family of parameters whose answer is known, on the 822-parameter GPT-Neo: balanced logits.

The text is {(c, a), (c, b)}: after c come a and b, equally often. The logits of a and b tie because their rows differ by a
vector orthogonal to the final hidden state, all other logits lie far below, and the last MLP is switched off by a zero
output matrix. Scaling the final gain, that MLP's input side and the token rows by r then keeps L near ln 2 and
sends ∇L to zero exponentially, while ΔL grows like 0.39 r⁸. So Ψ_s → −∞ for every temperature s and every weight decay.
"""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.estimation.psi import PointMeasurement, measure_point
from villani_verify.landscape import Landscape
from villani_verify.landscapes.architectures import gpt_neo_tiny

CONTEXT, FIRST, SECOND = 0, 1, 2
WEIGHT_DECAY = 0.1

# r: ‖θ‖, L, ‖∇L‖, ‖∇F‖², ΔF, ΔL/r⁸; from an independent program that builds the model and the Hessian by itself.
KNOWN = {
    1: (4.01, 1.474100, 7.17e-01, 5.2060e-01, 8.7150e01, 4.950),
    2: (6.51, 0.977615, 6.83e-01, 7.8168e-01, 1.8385e02, 0.397),
    4: (12.14, 0.833430, 7.87e-01, 2.0307e00, 2.2490e04, 0.342),
    8: (23.83, 0.737508, 5.21e-01, 5.9093e00, 6.2433e06, 0.372),
    16: (47.43, 0.697254, 9.84e-02, 2.2501e01, 1.6630e09, 0.387),
    32: (94.75, 0.693181, 1.63e-03, 8.9775e01, 4.2747e11, 0.389),
    64: (189.44, 0.693147, 2.20e-07, 3.5888e02, 1.0944e14, 0.389),
}


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    pairs = torch.tensor([[CONTEXT, FIRST], [CONTEXT, SECOND]])
    return Landscape.causal_lm(gpt_neo_tiny(), pairs, weight_decay=WEIGHT_DECAY)


def balanced(shapes: dict[str, Tensor], r: float) -> dict[str, Tensor]:
    """Return the member r of the family; every tensor that is not named is zero."""
    hidden = torch.tensor([1.0, -1, 1, -1, 1, -1], dtype=torch.float64)  # mean 0, variance 1: LayerNorm keeps it
    apart = torch.tensor([1.0, 1, -1, -1, 0, 0], dtype=torch.float64)  # orthogonal to it
    point = {name: torch.zeros_like(t) for name, t in shapes.items()}
    tokens = point["transformer.wte.weight"]
    tokens[:] = -0.3 * r * hidden
    tokens[CONTEXT], tokens[FIRST], tokens[SECOND] = -0.1 * hidden, 0.3 * r * apart, -0.3 * r * apart
    point["transformer.wpe.weight"][0] = 1.1 * hidden
    point["transformer.ln_f.weight"][:] = 0.5 * r
    point["transformer.h.1.ln_2.weight"][:] = 0.5 * r
    point["transformer.h.1.mlp.c_fc.weight"][:] = 0.2 * r * hidden
    return point


@pytest.fixture(scope="module")
def measured(landscape: Landscape) -> dict[int, PointMeasurement]:
    found = {}
    for r in KNOWN:
        here = landscape.at(balanced(landscape.initial, float(r)))
        found[r] = measure_point(here, here.initial, engine=ForwardOverReverse(), seed=0, num_probes=2, exact_dimension=1000)
    return found


@pytest.mark.parametrize("r", KNOWN)
def test_to_three_digits(r: int, measured: dict[int, PointMeasurement]) -> None:
    m = measured[r]
    radius, loss, gradient, full, laplacian, coefficient = KNOWN[r]
    # Each number to half a unit of its last printed digit; the laplacians have five.
    assert m.radius == pytest.approx(radius, abs=0.005)
    assert m.loss == pytest.approx(loss, abs=6e-7)
    assert math.sqrt(m.loss_gradient_norm_squared) == pytest.approx(gradient, rel=5e-3)
    assert m.gradient_norm_squared == pytest.approx(full, rel=1e-4)
    assert m.laplacian.value == pytest.approx(laplacian, rel=1e-4)
    assert m.loss_laplacian.value / r**8 == pytest.approx(coefficient, abs=6e-4)
    assert m.laplacian.is_exact


def test_psi_falls_without_bound_at_every_temperature(measured: dict[int, PointMeasurement]) -> None:
    # ‖∇F‖² grows like r² and ΔF like r⁸, so s* falls like r⁻⁶ and passes below any temperature.
    critical = [measured[r].critical_temperature for r in (8, 16, 32, 64)]
    slopes = [math.log2(a / b) for a, b in pairwise(critical)]
    assert slopes == pytest.approx([6] * 3, abs=0.15)
    for s in (1e-6, 1e-3, 1.0):
        values = [measured[r].psi(s) for r in (16, 32, 64) if s > measured[r].critical_temperature]
        assert values
        assert all(a > b for a, b in pairwise([0.0, *values]))
    assert measured[64].psi(1.0) == pytest.approx(-1.0944e14, rel=1e-4)


def test_the_loss_tends_to_the_entropy_of_a_fair_coin(measured: dict[int, PointMeasurement]) -> None:
    # The other five logits lie about 19 below, so L exceeds ln 2 by a few e⁻¹⁹.
    assert 0 < measured[64].loss - math.log(2) < 1e-8
    assert math.sqrt(measured[64].loss_gradient_norm_squared) == pytest.approx(2.2e-7, rel=0.01)
    # What is left of ∇F is the decay: ‖∇F‖² = λ²‖θ‖².
    assert measured[64].gradient_norm_squared == pytest.approx((WEIGHT_DECAY * measured[64].radius) ** 2, rel=1e-8)


def test_probes_see_it_too(landscape: Landscape, measured: dict[int, PointMeasurement]) -> None:
    here = landscape.at(balanced(landscape.initial, 16.0))
    m = measure_point(here, here.initial, engine=ForwardOverReverse(), seed=1, num_probes=64, exact_dimension=0)
    exact = measured[16].laplacian.value
    # One eigenvalue dominates, so samples are skewed: six standard errors, and the seed is fixed.
    assert abs(m.laplacian.value - exact) < 6 * m.laplacian.standard_error
    assert m.psi_interval(1.0, 0.999)[1] < 0
