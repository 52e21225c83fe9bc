"""The estimators behind the criteria: two engines, Hutchinson's trace, gradients, and what must not change a result.

All but one compare numbers that agree up to rounding: they are computed in float64, and the tolerance is that of the dtype
the landscape was asked for in. Hutchinson's mean is compared with the exact Laplacian by a bound that holds for every
number of probes, at a level from the suite's error budget (10⁻⁶ a run).
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.curvature.gradient import gradient_norms_squared, loss_and_gradient
from villani_verify.curvature.hessian_vector import hessian_vector
from villani_verify.curvature.probe_signs import probe_of
from villani_verify.estimation.hutchinson import laplacian_estimate
from villani_verify.estimation.psi import measure_point
from villani_verify.landscape import Landscape
from villani_verify.search.directions import isotropic
from villani_verify.testing.error_budget import error_share, hutchinson_error_bound
from villani_verify.testing.observations import aim_for_ratio, observe_decade, observe_family
from villani_verify.testing.strategies import points, seeds, temperatures
from villani_verify.testing.tolerances import Tolerance

EXACT_DIMENSION = 2000
PROBES = range(6)


def drawn_point(landscape: Landscape, data: st.DataObject) -> dict[str, Tensor]:
    """Draw a point near enough for rounding to stay small, with a finite loss."""
    point = data.draw(points(landscape, max_exponent=1), label="point")
    observe_family(point.family)
    observe_decade("parameter", point.parameter)
    theta = point.build(landscape)
    assume(math.isfinite(landscape.loss(theta)))
    return theta


def assert_close(tolerance: Tolerance, a: list[float], b: list[float], what: str) -> None:
    """Compare two lists of numbers, relative to the largest of them."""
    scale = max(map(abs, [*a, *b]))
    worst = max(abs(x - y) for x, y in zip(a, b, strict=True))
    aim_for_ratio(worst, tolerance.atol + tolerance.rtol * scale, f"log10 of the discrepancy over the tolerance: {what}")
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        assert tolerance.allows(x, y, scale=scale), f"{what}, number {i}: {x!r} and {y!r}"


def hessian(landscape: Landscape, theta: dict[str, Tensor]) -> Tensor:
    """Return ∇²L in full, as a matrix."""
    if landscape.dimension > EXACT_DIMENSION:
        pytest.skip(f"the full Hessian of {landscape.name} has {landscape.dimension} rows; up to {EXACT_DIMENSION} are computed")
    sizes = [t.numel() for t in theta.values()]

    def loss(flat: Tensor) -> Tensor:
        parts = {n: part.reshape(theta[n].shape) for n, part in zip(theta, flat.split(sizes), strict=True)}
        return torch.stack([w * landscape.loss_function(parts, b).reshape(()) for w, b in landscape.weighted_batches()]).sum()

    flat = torch.cat([t.reshape(-1) for t in theta.values()])
    gradient = torch.func.grad(lambda p: loss(p["flat"]))
    rows = torch.func.vmap(lambda e: hessian_vector(gradient, {"flat": flat}, {"flat": e})["flat"], chunk_size=128)
    return rows(torch.eye(len(flat), dtype=flat.dtype, device=flat.device))


@given(data=st.data(), seed=seeds())
def test_engines_agree(precise: Landscape, tolerance: Tolerance, data: st.DataObject, seed: int) -> None:
    theta = drawn_point(precise, data)
    engines = (DoubleBackward(), ForwardOverReverse())
    forms = [e.quadratic_forms(precise, theta, seed=seed, indices=PROBES) for e in engines]
    assert_close(tolerance, *forms, "vᵀHv by reverse and by forward-over-reverse")


# A full Hessian costs a hundred times a few probes.
@settings(max_examples=max(1, settings().max_examples // 4))
@given(data=st.data(), seed=seeds())
def test_hutchinson_against_the_exact_hessian(precise: Landscape, tolerance: Tolerance, data: st.DataObject, seed: int) -> None:
    theta = drawn_point(precise, data)
    matrix = hessian(precise, theta)
    n = 64
    estimate = laplacian_estimate(precise, theta, engine=ForwardOverReverse(), num_probes=n, seed=seed)
    probes = [torch.cat([v.reshape(-1) for v in probe_of(theta, seed=seed, index=k).values()]) for k in range(n)]
    assert_close(tolerance, list(estimate.samples), [float(v @ matrix @ v) for v in probes], "vᵀHv and the full Hessian")
    exact, off_diagonal = float(matrix.trace()), (matrix - matrix.diag().diag()).norm().item()
    bound = hutchinson_error_bound(off_diagonal, off_diagonal, num_probes=n, error_probability=error_share())
    rounding = tolerance.atol + tolerance.rtol * matrix.norm().item()
    # No target: examples led by the error of one set of probes would spend more than their share of the error budget.
    assert abs(estimate.value - exact) <= bound + rounding, f"Hutchinson {estimate.value!r}, exact {exact!r}, bound {bound!r}"


@given(data=st.data(), seed=seeds())
def test_batch_split_does_not_matter(precise: Landscape, tolerance: Tolerance, data: st.DataObject, seed: int) -> None:
    halved = precise.halved()
    if halved is None:
        pytest.skip(f"{precise.name} has a single row, which cannot be split")
    theta = drawn_point(precise, data)
    numbers = [list(gradient_norms_squared(one, theta)) for one in (precise, halved)]
    assert_close(tolerance, *numbers, "L, ‖∇L‖², ‖∇F‖² with whole and with halved batches")
    forms = [ForwardOverReverse().quadratic_forms(one, theta, seed=seed, indices=PROBES) for one in (precise, halved)]
    assert_close(tolerance, *forms, "vᵀHv with whole and with halved batches")


@given(data=st.data(), seed=seeds())
def test_parameter_order_does_not_matter(precise: Landscape, tolerance: Tolerance, data: st.DataObject, seed: int) -> None:
    theta = drawn_point(precise, data)
    order = data.draw(st.permutations(list(theta)), label="order")
    both = (
        (precise, theta),
        (replace(precise, initial={n: precise.initial[n] for n in order}), {n: theta[n] for n in order}),
    )
    numbers = [list(gradient_norms_squared(one, point)) for one, point in both]
    assert_close(tolerance, *numbers, "L, ‖∇L‖², ‖∇F‖² in two orders of the parameters")
    forms = [DoubleBackward().quadratic_forms(one, point, seed=seed, indices=PROBES) for one, point in both]
    assert_close(tolerance, *forms, "vᵀHv in two orders of the parameters")


@given(data=st.data(), seed=seeds())
def test_probes_are_addressed(precise: Landscape, tolerance: Tolerance, data: st.DataObject, seed: int) -> None:
    theta = drawn_point(precise, data)
    engine = engine_for("auto")
    order = data.draw(st.permutations(PROBES), label="order")
    cut = data.draw(st.integers(1, len(PROBES) - 1), label="cut")
    whole = engine.quadratic_forms(precise, theta, seed=seed, indices=PROBES)
    parts = [engine.quadratic_forms(precise, theta, seed=seed, indices=p) for p in (order[:cut], order[cut:])]
    found = dict(zip(order, [*parts[0], *parts[1]], strict=True))
    assert_close(tolerance, whole, [found[k] for k in PROBES], "vᵀHv at once and in parts")


@given(data=st.data(), seed=seeds())
def test_gradient_against_central_differences(
    villani_landscape: Landscape, precise: Landscape, data: st.DataObject, seed: int
) -> None:
    theta = drawn_point(precise, data)
    v = isotropic(precise, seed=seed, index=0)
    loss, gradient = loss_and_gradient(precise, theta)
    slope = math.fsum(float((gradient[n] * v[n]).sum(dtype=torch.float64)) for n in v)
    # That of the dtype asked for: a model may cast to it inside.
    eps = torch.finfo(villani_landscape.dtype).eps
    h = eps ** (1 / 3)

    def difference(step: float) -> float:
        ends = [precise.loss({n: torch.add(t, v[n], alpha=sign * step) for n, t in theta.items()}) for sign in (1, -1)]
        return (ends[0] - ends[1]) / (2 * step)

    # D(h) = v·∇L + c h² + O(h⁴): the difference to D(2h) is three times the truncation error of D(h), and more at a
    # kink. Rounding: L is a sum of terms whose relative error is some thousand eps where logits are large.
    near, far = difference(h), difference(2 * h)
    error = abs(near - far) + 1e4 * eps * max(1.0, abs(loss)) / h
    aim_for_ratio(slope - near, error, "log10 of the error of the slope over its bound")
    assert abs(slope - near) <= error, f"v·∇L = {slope!r}, central difference {near!r} ± {error:.1e} on {precise.name}"


@given(data=st.data(), seed=seeds(), s=temperatures())
def test_psi_from_the_critical_temperature(
    precise: Landscape, tolerance: Tolerance, data: st.DataObject, seed: int, s: float
) -> None:
    theta = drawn_point(precise, data)
    p = measure_point(precise, theta, engine=engine_for("auto"), seed=seed, num_probes=10)
    observe_decade("temperature", s)
    observe_decade("s*", p.critical_temperature)
    aim_for_ratio(1.0, p.critical_temperature, "minus log10 s*")
    scale = p.gradient_norm_squared / s + abs(p.laplacian.value)
    decay = precise.decay_laplacian
    shifted = p.loss_laplacian.value + decay
    assert tolerance.allows(p.laplacian.value, shifted, scale=decay), f"ΔF = {p.laplacian.value!r}, ΔL + Σλd = {shifted!r}"
    if math.isinf(p.critical_temperature):
        assert p.psi(s) >= 0, f"Ψ_s = {p.psi(s)!r} < 0 at s = {s:.4g} although s* is infinite"
        return
    by_ratio = p.gradient_norm_squared * (1 / s - 1 / p.critical_temperature) if p.critical_temperature else -p.laplacian.value
    assert tolerance.allows(p.psi(s), by_ratio, scale=scale), f"Ψ_s = {p.psi(s)!r}, from s* it is {by_ratio!r} at s = {s:.4g}"
    low, high = p.critical_temperature_interval(0.95)
    assert low <= p.critical_temperature <= high, f"s* = {p.critical_temperature!r} is outside [{low!r}, {high!r}]"
