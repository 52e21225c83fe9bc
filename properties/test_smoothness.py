"""Smoothness: F ∈ C^∞, from Taylor expansions of L along drawn lines.

The decay is a polynomial, so F is as smooth as L. Where L is smooth, its value at distance h from a drawn point leaves
its Taylor polynomial of order j like h^(j+1), and expansions at the ends of an interval agree to rounding. Nothing
here is left to chance.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.result import Status
from villani_verify.criteria.settings import Settings
from villani_verify.criteria.smoothness import NAME, smoothness
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.curvature.probe_signs import probe_of
from villani_verify.curvature.taylor import taylor_coefficients
from villani_verify.estimation.remainder import Expansion, fit_remainders
from villani_verify.landscape import Landscape
from villani_verify.search.directions import isotropic
from villani_verify.testing.claims import Refutation, check_claim
from villani_verify.testing.observations import aim_for_ratio, observe_decade, observe_family
from villani_verify.testing.strategies import points, seeds
from villani_verify.testing.tolerances import Tolerance

ORDER = 4
# Orders whose slopes are judged: at ORDER itself rounding leaves too short a range of steps.
JUDGED = 4
STEPS = 17
LEVEL = 0.99


def drawn_point(landscape: Landscape, data: st.DataObject) -> dict[str, Tensor]:
    """Draw a point near enough for rounding to stay small."""
    point = data.draw(points(landscape, max_exponent=1), label="point")
    observe_family(point.family)
    observe_decade("parameter", point.parameter)
    return point.build(landscape)


def test_no_line_has_a_flaw(villani_landscape: Landscape) -> None:
    # One line an example: the seeds vary it.
    budget = replace(budget_for("quick", villani_landscape.dimension), smooth_rays=1)

    def refute(seed: int) -> Refutation | None:
        result = smoothness(villani_landscape, budget, Settings(seed, engine_for("auto")))
        if result.status is not Status.REFUTED or result.witness is None:
            return None
        return Refutation(result.witness, result.summary, villani_landscape)

    check_claim(villani_landscape, NAME, seeds(), refute, thinning=4)


@given(data=st.data(), seed=seeds())
def test_expansions_agree_with_the_engines(precise: Landscape, tolerance: Tolerance, data: st.DataObject, seed: int) -> None:
    theta = drawn_point(precise, data)
    loss, gradient = loss_and_gradient(precise, theta)
    assume(math.isfinite(loss))
    v = probe_of(theta, seed=seed, index=0)
    (form,) = DoubleBackward().quadratic_forms(precise, theta, seed=seed, indices=[0])
    expected = (loss, math.fsum(float((gradient[n] * v[n]).sum()) for n in v), form / 2)
    coefficients = taylor_coefficients(precise, theta, v, order=ORDER).loss
    scale = max(map(abs, expected))
    worst = max(abs(a - b) for a, b in zip(coefficients, expected, strict=False))
    aim_for_ratio(worst, tolerance.rtol * scale + tolerance.atol, "log10 of the discrepancy over the tolerance")
    for i, (a, b) in enumerate(zip(coefficients, expected, strict=False)):
        close = tolerance.allows(a, b, scale=scale)
        assert close, f"Taylor coefficient {i} is {a!r}, by reverse mode {b!r} on {precise.name}"


@given(data=st.data(), seed=seeds())
def test_remainders_shrink_at_their_order(villani_landscape: Landscape, precise: Landscape, data: st.DataObject, seed: int) -> None:
    if precise.expected.get(NAME) == "refuted":
        pytest.skip(f"{precise.name} is known not to be smooth")
    theta = drawn_point(precise, data)
    v = isotropic(precise, seed=seed, index=0)
    expansion = Expansion(0.0, taylor_coefficients(precise, theta, v, order=ORDER + 1).loss)
    assume(expansion.finite)
    size = max(1e-3, abs(expansion.coefficients[0]))
    longest = min(1.0, expansion.feature(size) / 4)
    steps = [longest * 10 ** (-i / 4) for i in range(STEPS)]

    def value(h: float) -> float:
        return precise.loss({n: torch.add(t, v[n], alpha=h) for n, t in theta.items()})

    # Rounding of the dtype asked for: a model may cast to it inside.
    floor = 1e3 * torch.finfo(villani_landscape.dtype).eps * size
    fits = fit_remainders(expansion, value, steps, floor=floor, level=LEVEL)
    for fit in fits[:JUDGED]:
        # Half an order short of j + 1 is a jump; the tenths below it are curvature of the logarithmic plot at long steps.
        short = fit.interval is not None and fit.interval[1] < fit.order + 0.5
        assert not short, f"the remainder after order {fit.order} falls like h^{fit.slope!r}, not h^{fit.order + 1}"
