from __future__ import annotations

import math
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.functional import hessian

from villani_verify.errors import RequestError
from villani_verify.landscapes.zoo import CRITERION_NAMES, ZOO, zoo_entry
from villani_verify.landscapes.zoo.analytic import ANALYTIC
from villani_verify.landscapes.zoo.entry import EXPECTED_STATUSES, ZooEntry, all_supported_except
from villani_verify.landscapes.zoo.transformers import TRANSFORMER_ENTRIES

NAMES = [entry.name for entry in ANALYTIC]
TEMPERATURES = (0.01, 1.0, 100.0)
REFUTED_RAYS = [e.name for e in ANALYTIC if e.expected["differential_growth_rays"] == "refuted"]
SUPPORTED_RAYS = [e.name for e in ANALYTIC if e.expected["differential_growth_rays"] == "supported"]
SUPPORTED_UNIFORM = [e.name for e in ANALYTIC if e.expected["differential_growth_uniform"] == "supported"]
REFUTED_UNIFORM = [e.name for e in ANALYTIC if e.expected["differential_growth_uniform"] == "refuted"]
SUPPORTED_GROWTH = [e.name for e in ANALYTIC if e.expected["quadratic_growth"] == "supported"]
REFUTED_GROWTH = [e.name for e in ANALYTIC if e.expected["quadratic_growth"] == "refuted"]


def _decay(entry: ZooEntry) -> Tensor:
    """λ of each coordinate."""
    landscape = entry.make()
    return torch.cat([torch.full((t.numel(),), landscape.decay[n], dtype=torch.float64) for n, t in landscape.initial.items()])


def _dimension(entry: ZooEntry) -> int:
    return entry.make().dimension


def _loss(entry: ZooEntry) -> Callable[[Tensor], Tensor]:
    landscape = entry.make()
    sizes = [t.numel() for t in landscape.initial.values()]
    return lambda theta: landscape.loss_function(dict(zip(landscape.initial, theta.split(sizes), strict=True)), None)


def _regularised(entry: ZooEntry, theta: Tensor) -> float:
    return float(_loss(entry)(theta) + 0.5 * (_decay(entry) * theta.square()).sum())


def _square_and_laplacian(entry: ZooEntry, theta: Tensor) -> tuple[float, float]:
    """‖∇F‖² and ΔF from the closed forms."""
    assert entry.gradient is not None
    assert entry.laplacian is not None
    decay = _decay(entry)
    return float((entry.gradient(theta) + decay * theta).square().sum()), entry.laplacian(theta) + float(decay.sum())


def _psi(entry: ZooEntry, theta: Tensor, temperature: float) -> float:
    square, laplacian = _square_and_laplacian(entry, theta)
    return square / temperature - laplacian


def _critical_temperature(entry: ZooEntry, theta: Tensor) -> float:
    square, laplacian = _square_and_laplacian(entry, theta)
    return square / laplacian if laplacian > 0 else math.inf


def _unit(seed: int, dimension: int) -> Tensor:
    v = torch.randn(dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return v / v.norm()


def _directions(dimension: int, count: int = 400) -> list[Tensor]:
    """Random directions, and those along the coordinate axes."""
    axes = torch.eye(dimension, dtype=torch.float64)
    return [*axes, *(-axes), *(_unit(seed, dimension) for seed in range(count))]


def test_there_are_enough_entries_of_both_signs() -> None:
    assert len(ANALYTIC) >= 40
    negative = sum("refuted" in entry.expected.values() for entry in ANALYTIC)
    assert 0.4 <= negative / len(ANALYTIC) <= 0.65
    for criterion in CRITERION_NAMES:
        assert {entry.expected[criterion] for entry in ANALYTIC} == {"supported", "refuted"}, criterion


def test_names_are_unique_and_kebab_case() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in NAMES)
    assert set(NAMES) <= set(ZOO)


@pytest.mark.parametrize("name", NAMES)
def test_entry_is_complete(name: str) -> None:
    entry = zoo_entry(name)
    assert tuple(entry.expected) == CRITERION_NAMES
    assert set(entry.expected.values()) <= set(EXPECTED_STATUSES)
    assert entry.kind == "analytic"
    assert "\n" not in entry.summary
    assert len(entry.reason) > 150
    landscape = entry.make()
    assert landscape.name == name
    assert landscape.expected == entry.expected
    assert landscape.dtype == torch.float64
    assert max(landscape.decay.values()) == entry.weight_decay
    assert landscape.check() >= 0


@pytest.mark.parametrize("name", NAMES)
def test_verdicts_are_kept_only_for_a_weight_decay_of_the_same_sign(name: str) -> None:
    entry = zoo_entry(name)
    other = entry.make(weight_decay=0.37)
    assert max(other.decay.values()) == 0.37
    assert other.expected == (entry.expected if entry.weight_decay > 0 else {})
    assert entry.make(weight_decay=0.0).expected == ({} if entry.weight_decay > 0 else entry.expected)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_and_its_landscape_travel_to_another_process(name: str) -> None:
    theta = _unit(0, _dimension(zoo_entry(name)))
    there = pickle.loads(pickle.dumps(zoo_entry(name)))
    assert _loss(there)(theta) == _loss(zoo_entry(name))(theta)
    assert pickle.loads(pickle.dumps(zoo_entry(name).make())).expected == zoo_entry(name).expected


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32 - 1), log_radius=st.floats(-1.0, 1.5))
def test_closed_forms_agree_with_automatic_differentiation(name: str, seed: int, log_radius: float) -> None:
    entry = zoo_entry(name)
    loss = _loss(entry)
    theta = 10**log_radius * _unit(seed, _dimension(entry))
    value = loss(theta)
    assert value >= 0
    assert value.dtype == torch.float64
    leaf = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    matrix = hessian(loss, theta)
    assert entry.gradient is not None
    assert entry.laplacian is not None
    # Terms of size |∂ᵢᵢL| and of 1 (as 1 − tanh²) cancel in the sums, so 1e-9 is relative to them and not to what is left.
    torch.testing.assert_close(entry.gradient(theta), gradient, rtol=1e-9, atol=1e-9 * float(gradient.norm()) + 1e-13)
    scale = float(matrix.diagonal().abs().sum())
    assert abs(entry.laplacian(theta) - float(matrix.trace())) <= 1e-9 * scale + 1e-13, (entry.laplacian(theta), matrix)


@pytest.mark.parametrize("name", NAMES)
def test_loss_and_derivatives_stay_finite_and_non_negative_far_out(name: str) -> None:
    entry = zoo_entry(name)
    for direction in _directions(_dimension(entry), count=20):
        for radius in (0.0, 1e2, 1e4, 1e6):
            assert float(_loss(entry)(radius * direction)) >= 0
            assert all(map(math.isfinite, _square_and_laplacian(entry, radius * direction)))


@pytest.mark.parametrize("name", NAMES)
def test_float32_agrees_with_float64(name: str) -> None:
    single = zoo_entry(name).make().to(dtype=torch.float32)
    double = zoo_entry(name).make()
    out = single.loss_function(single.initial, None)
    assert out.dtype == torch.float32
    # θ₀ itself is rounded to 2⁻²⁴ relative; the slope of the ill-conditioned bowl is 1e6 there.
    assert float(out) == pytest.approx(double.loss(double.initial), rel=1e-5, abs=1e-6)


# (a, b) in F ≥ a‖θ‖² − b, as the proofs have them; λ/2 and 0 where every block decays.
GROWTH: dict[str, tuple[float, float]] = {
    "quartic-undecayed": (1.0, 3.0),
    "quadratic-behind-linear": (0.5, 0.0),
    "quartic-in-the-undecayed-block": (0.05, 1.0),
    "decay-on-the-saturating-block": (0.05, 1.0),
}


@pytest.mark.parametrize("name", SUPPORTED_GROWTH)
def test_growth_claim(name: str) -> None:
    entry = zoo_entry(name)
    a, b = GROWTH.get(name, (entry.weight_decay / 2, 0.0))
    for direction in _directions(_dimension(entry), count=100):
        for radius in (0.1, 1.0, 2.5, 10.0, 1e3):
            bound = a * radius**2 - b
            assert _regularised(entry, radius * direction) >= bound - 1e-12 * abs(bound), (radius, direction)


def _row(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


# Points of norm about r on which F / r² → 0, as the proofs name them.
SLOW_GROWTH: dict[str, Callable[[float], Tensor]] = {
    "logistic-regression-undecayed": lambda r: _row(r, 0, 0),
    "logistic-overlap-undecayed": lambda r: _row(0, r, 0),
    "subquadratic": lambda r: _row(0, r, 0),
    "linear-growth": lambda r: _row(0, r, 0),
    "heavy-tails": lambda r: _row(0, r),
    "gaussian-bump": lambda r: _row(0, r),
    "rank-deficient-least-squares": lambda r: r / math.sqrt(3) * _row(1, -1, 1),
    "partial-decay": lambda r: _row(0, 0, r, 0),
    "linear-in-the-undecayed-block": lambda r: _row(0, 0, r, 0),
    "oblique-exponential-tail": lambda r: r * _row(0.6, 0.8),
    "tanh-network-undecayed": lambda r: r * _unit(3, 6),
}
# F / r² at radius r, where it falls more slowly than any of these.
NARROW_MISS: dict[str, Callable[[float], float]] = {
    "nearly-quadratic": lambda r: r**-0.1,
    "quadratic-over-logarithm": lambda r: 0.5 / math.log(r),
}


def test_every_refuted_growth_has_a_family() -> None:
    assert {*SLOW_GROWTH, *NARROW_MISS} == set(REFUTED_GROWTH)


@pytest.mark.parametrize("name", NARROW_MISS)
def test_growth_missed_narrowly_follows_the_law_of_the_proof(name: str) -> None:
    entry = zoo_entry(name)
    for direction in _directions(_dimension(entry), count=5):
        for r in (1e2, 1e4, 1e6):
            assert _regularised(entry, r * direction) / r**2 == pytest.approx(NARROW_MISS[name](r), rel=1e-3)


@pytest.mark.parametrize("name", SLOW_GROWTH)
def test_refuted_growth_along_the_family_of_the_proof(name: str) -> None:
    entry = zoo_entry(name)
    ratios = [_regularised(entry, SLOW_GROWTH[name](r)) / r**2 for r in (1e2, 1e4, 1e6)]
    assert ratios[0] < 0.2
    assert ratios[1] <= 0.15 * ratios[0]
    assert ratios[2] <= 0.15 * ratios[1] + 1e-300


def _ripple_radius(r: float, weight_decay: float) -> float:
    """The first radius beyond r with cos r² = −λ/2 and sin r² < 0."""
    phase = 2 * math.pi - math.acos(-weight_decay / 2)
    return math.sqrt(2 * math.pi * math.ceil(r**2 / (2 * math.pi)) + phase)


def _shallow_radius(r: float) -> float:
    """The first radius beyond r with cos r² = 1 − √3 and sin r² < 0."""
    phase = 2 * math.pi - math.acos(1 - math.sqrt(3))
    return math.sqrt(2 * math.pi * math.ceil(r**2 / (2 * math.pi)) + phase)


def _narrow_well(r: float) -> float:
    """The radius near r with 4(1 + r²)^¼ just below a multiple of 2π where F' = 0, at λ = 1."""
    turns = 2 * math.pi * math.ceil(4 * (1 + r**2) ** 0.25 / (2 * math.pi))
    low, high = turns - math.pi / 2, turns
    for _ in range(100):
        middle = (low + high) / 2
        slope = 1 - math.cos(middle) + middle / 4 * math.sin(middle)
        low, high = (middle, high) if slope < -0.5 else (low, middle)
    return math.sqrt((low / 4) ** 4 - 1)


# Points of norm about r on which Ψ_s stays bounded or falls for every temperature at or above the second entry.
FAILING: dict[str, tuple[Callable[[float], Tensor], float]] = {
    "oscillating-gradient": (lambda r: _row(_ripple_radius(r, 1.0)), 0.01),
    "radial-ripples": (lambda r: _row(0.6, 0, -0.8) * _ripple_radius(r, 1.0), 0.01),
    "logistic-regression-undecayed": (lambda r: _row(0.6, 0, -0.8) * r, 0.01),
    "logistic-overlap-undecayed": (lambda r: _row(0.6, 0, -0.8) * r, 0.01),
    "linear-growth": (lambda r: _row(0.6, 0, -0.8) * r, 0.01),
    "heavy-tails": (lambda r: _row(0.6, -0.8) * r, 0.01),
    "gaussian-bump": (lambda r: _row(0.6, -0.8) * r, 0.01),
    "rank-deficient-least-squares": (lambda r: _row(0, 1, 0) + r / math.sqrt(3) * _row(1, -1, 1), 0.01),
    "partial-decay": (lambda r: _row(0, 0, 0.6 * r, 0.8 * r), 0.01),
    "two-layer-linear-network": (lambda r: _row(0.6 * r, 0.8 * r, 0, 0), 1.02),  # above λ² + 1
    "balanced-logits": (lambda r: _row(r, 0, r) / math.sqrt(2), 0.01),
    "two-layer-zero-target": (lambda r: _row(0.6 * r, 0.8 * r, 0, 0), 0.26),  # above λ²
    "shallow-ripples": (lambda r: _row(0.6, 0, -0.8) * _shallow_radius(r), 0.6),  # above 0.590
    "narrowing-wells": (lambda r: _row(_narrow_well(r)), 0.01),
    "trench-on-a-parabola": (lambda r: _row(math.sqrt(r), r), 0.01),
    "trench-on-a-logarithm": (lambda r: _row(r, math.log(1 + r**2)), 0.51),  # above λ²/2
    "late-ripples": (lambda r: _row(0.6, -0.8) * _ripple_radius(100 * r, 1.0), 0.01),
    "linear-in-the-undecayed-block": (lambda r: _row(0, 0, 0.6, -0.8) * r, 0.01),
    "oblique-exponential-tail": (lambda r: _row(0.6, 0.8) * r, 0.01),
    "tanh-network-undecayed": (lambda r: _unit(3, 6) * r, 0.01),
}


def test_every_refuted_uniform_growth_has_a_family() -> None:
    assert set(FAILING) == set(REFUTED_UNIFORM)


@pytest.mark.parametrize("name", REFUTED_UNIFORM)
def test_refuted_uniform_growth_along_the_family_of_the_proof(name: str) -> None:
    entry = zoo_entry(name)
    family, lowest = FAILING[name]
    for temperature in {lowest, 1.1, 100.0}:
        values = [_psi(entry, family(r), temperature) for r in (1e2, 1e3, 1e4)]
        # Bounded by 2.5/s + 2, the largest constant of the proofs, over two decades of radius; some fall to −∞.
        assert max(values) <= 2.5 / temperature + 2, values


@pytest.mark.parametrize("name", REFUTED_RAYS)
def test_refuted_rays_fail_along_every_drawn_ray(name: str) -> None:
    entry = zoo_entry(name)
    # The decayed entries among these are the ripples, which fail at a sequence of radii, the others at all of them.
    radii = [float(FAILING[name][0](r).norm()) for r in (1e2, 1e3, 1e4)]
    for direction in _directions(_dimension(entry), count=20):
        if name == "tanh-network-undecayed" and direction.count_nonzero() == 1:
            continue  # A unit without input stays at rest: rays of measure zero.
        for temperature in (s for s in TEMPERATURES if s >= FAILING[name][1]):
            assert max(_psi(entry, r * direction, temperature) for r in radii) <= 2.5 / temperature + 2


def test_ripples_fail_at_large_temperature_when_the_decay_is_too_strong_for_the_gradient_to_vanish() -> None:
    entry = zoo_entry("oscillating-gradient")
    landscape = entry.make(weight_decay=4.0)
    assert landscape.expected["differential_growth_rays"] == "refuted"
    assert entry.gradient is not None
    assert entry.laplacian is not None
    for k in (100, 10_000):
        theta = _row(math.sqrt(1.5 * math.pi + 2 * math.pi * k))
        psi = float((entry.gradient(theta) + 4.0 * theta).square()) / 5.0 - entry.laplacian(theta) - 4.0  # s = 5 > λ²/4
        assert psi < -0.5 * float(theta.square())


@pytest.mark.parametrize("name", [n for n in SUPPORTED_RAYS if n not in SUPPORTED_UNIFORM])
def test_supported_rays_grow_on_generic_rays(name: str) -> None:
    entry = zoo_entry(name)
    for seed in range(20):
        v = _unit(seed, _dimension(entry))
        near, far = (_square_and_laplacian(entry, r * v) for r in (1e3, 1e5))
        assert far[0] >= 1e3 * near[0]
        assert far[0] / max(far[1], 1e-300) > 1e4  # s* is above every temperature anyone would use


# Radii from which on a proof's bound grows, and the factor per decade of s*, where they are not 10³ and 3.
LATE: dict[str, float] = {"badly-scaled-cosines": 3e4, "tanh-network-weak-decay": 3e3}
SLOW: dict[str, float] = {"quickening-ripples": 2.5}  # 10^0.4
RADIAL_RIPPLES = ("quickening-ripples", "fading-ripples")


@pytest.mark.parametrize("name", SUPPORTED_UNIFORM)
def test_supported_uniform_growth_over_the_sphere(name: str) -> None:
    entry = zoo_entry(name)
    worst = []
    for radius in (LATE.get(name, 1e3) * 10**k for k in range(3)):
        if name in RADIAL_RIPPLES:
            # All directions are alike, but not all phases: a period is at most 2π/(1.8 r^0.8) long.
            steps = torch.linspace(0, 2 * math.pi / (1.8 * radius**0.8), 401, dtype=torch.float64)
            points = [(radius + step) * _unit(0, _dimension(entry)) for step in steps]
        else:
            points = [radius * v for v in _directions(_dimension(entry))]
        lowest_square = min(_square_and_laplacian(entry, p)[0] for p in points)
        worst.append((min(_critical_temperature(entry, p) for p in points), lowest_square))
    for before, after in pairwise(worst):
        assert after[0] >= SLOW.get(name, 3.0) * before[0]  # s*
        assert after[1] >= 3 * before[1]  # ‖∇F‖²


def test_curved_valley_rises_on_its_floor_where_it_is_worst() -> None:
    entry = zoo_entry("curved-valley")
    floor = [_critical_temperature(entry, _row(math.sqrt(y), y)) for y in (1e2, 1e4, 1e6)]
    for y, value in zip((1e2, 1e4, 1e6), floor, strict=True):
        assert value == pytest.approx(y / 4, rel=0.05)
    # Beside the floor, where e is of order λ, both terms of s* change by factors, never by powers of r.
    for y in (1e2, 1e4):
        radius = math.hypot(math.sqrt(y), y)
        angles = math.atan2(y, math.sqrt(y)) + torch.linspace(-3, 3, 4001, dtype=torch.float64) / y
        lowest = min(_critical_temperature(entry, radius * _row(math.cos(t), math.sin(t))) for t in angles.tolist())
        assert lowest >= 0.2 * y


def test_ill_conditioned_bowl_has_the_stated_condition_number_and_turning_radius() -> None:
    entry = zoo_entry("ill-conditioned-bowl")
    matrix = hessian(_loss(entry), torch.ones(7, dtype=torch.float64)) + torch.diag(_decay(entry))
    values = torch.linalg.eigvalsh(matrix)
    assert float(values[-1] / values[0]) == pytest.approx(1e6)
    first = torch.eye(7, dtype=torch.float64)[0]
    assert _psi(entry, 1054 * first, 1.0) < 0 < _psi(entry, 1055 * first, 1.0)


def test_two_layer_network_has_the_stated_limits_of_the_critical_temperature() -> None:
    entry = zoo_entry("two-layer-linear-network")
    a = _row(0.6, 0.8) * 1e4
    assert _critical_temperature(entry, torch.cat([a, torch.zeros_like(a)])) == pytest.approx(1.01, rel=1e-6)
    # b = a / (‖a‖² + λ): the residual is found by cancellation, which costs eight of the sixteen digits of its product with a.
    assert _critical_temperature(entry, torch.cat([a, a / (a.square().sum() + 0.1)])) == pytest.approx(0.01, rel=1e-5)


def test_balanced_logits_critical_temperature_falls_as_stated() -> None:
    entry = zoo_entry("balanced-logits")
    for r in (10.0, 100.0):
        expected = 0.01 * r**2 / (r**4 / 16 + 0.3)
        assert _critical_temperature(entry, _row(r, 0, r) / math.sqrt(2)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "order"),
    [("relu-kink", 1), ("hard-clip", 1), ("squared-hinge", 2), ("c2-not-c3", 3), ("c3-not-c4", 4), ("c4-not-c5", 5)],
)
def test_kinks_jump_by_one_at_the_stated_order(name: str, order: int) -> None:
    loss = _loss(zoo_entry(name))
    theta = torch.full((3,), 1 / math.sqrt(3), dtype=torch.float64)

    def along_first(x: Tensor) -> Tensor:
        return loss(torch.cat([x.reshape(1), theta[1:]]))

    def derivative(x: float, times: int) -> float:
        point = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        value = along_first(point)
        for _ in range(times):
            if not value.requires_grad:
                return 0.0
            (value,) = torch.autograd.grad(value, point, create_graph=True)
        return float(value.detach())

    jumps = [abs(derivative(0.5 + 1e-7, k) - derivative(0.5 - 1e-7, k)) for k in range(order + 1)]
    assert max(jumps[:-1]) < 1e-6
    assert jumps[-1] == pytest.approx(2.0 if order == 3 else 1.0)


def test_separable_labels_are_separated_and_overlapping_ones_are_not() -> None:
    separable, overlapping = _loss(zoo_entry("logistic-regression-undecayed")), _loss(zoo_entry("logistic-overlap-undecayed"))
    assert float(separable(_row(100, 0, 0))) < 1e-40
    assert min(float(overlapping(100 * v)) for v in _directions(3)) > 10


def test_registry_holds_both_kinds_under_their_own_names() -> None:
    assert {entry.kind for entry in ZOO.values()} == {"analytic", "transformer"}
    assert all(entry.name == name and zoo_entry(name) is entry for name, entry in ZOO.items())
    assert len(ZOO) == len(NAMES) + len(TRANSFORMER_ENTRIES)  # no name is taken twice


def test_importing_the_registry_does_not_import_the_model_library() -> None:
    code = (
        "import sys, villani_verify.landscapes.zoo; print([m for m in ('transformers', 'datasets', 'scipy') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"


def test_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(RequestError, match=r"landscape 'duoble-well': the zoo has none of that name; did you mean 'double-well'"):
        zoo_entry("duoble-well")
    with pytest.raises(RequestError, match=r"landscape '@@': the zoo has none of that name; `villani-verify zoo` lists them all"):
        zoo_entry("@@")


def test_unknown_criterion_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match=r"criteria \['growth'\]: unknown; choose from smoothness"):
        all_supported_except("growth")


@pytest.mark.parametrize("weight_decay", [-0.1, math.nan, math.inf])
def test_bad_weight_decay_is_refused(weight_decay: float) -> None:
    with pytest.raises(RequestError, match=r"is not a finite number ≥ 0"):
        zoo_entry("double-well").make(weight_decay=weight_decay)
