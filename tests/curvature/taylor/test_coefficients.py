from __future__ import annotations

import gc
import math
import weakref
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from villani_verify.curvature.taylor import RULES, TaylorError, UnivariateJet, program, taylor_coefficients
from villani_verify.curvature.taylor.nested_reverse import nested_reverse
from villani_verify.curvature.taylor.program import export_program
from villani_verify.curvature.taylor.table import aten
from villani_verify.errors import RequestError, VillaniError
from villani_verify.landscape import Landscape


def _function(fn: Callable[[Tensor], Tensor], d: int = 3, **options: object) -> Landscape:
    return Landscape.from_function(fn, d, **options)  # type: ignore[arg-type]


def _direction(landscape: Landscape, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {n: torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in landscape.initial.items()}


def _network(batches: int = 1, rows: int = 6, **options: object) -> Landscape:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.LayerNorm(5), nn.Dropout(0.5), nn.Linear(5, 4)).double()
    x, y = torch.randn(rows, 3).double(), torch.randint(0, 4, (rows,))
    cuts = [(a, b) for a, b in zip(x.split(-(-rows // batches)), y.split(-(-rows // batches)), strict=True)]
    return Landscape.from_module(net, nn.functional.cross_entropy, cuts, **options)  # type: ignore[arg-type]


def test_exponential_of_a_sum() -> None:
    landscape = _function(lambda x: x.sum().exp(), initial=torch.zeros(3, dtype=torch.float64))
    found = taylor_coefficients(landscape, landscape.initial, {"theta": torch.ones(3, dtype=torch.float64)}, order=6)
    assert found.loss == pytest.approx([3**i / math.factorial(i) for i in range(7)], rel=1e-14)
    assert found.method == "taylor"
    assert found.note is None
    assert found.order == 6


def test_decay_is_added_exactly() -> None:
    landscape = _network(weight_decay={"*weight": 0.3, "*": 0.0})
    v = _direction(landscape)
    found = taylor_coefficients(landscape, landscape.initial, v, order=4, t=0.7)
    for s in (0.0, 0.5):
        point = {n: p + (0.7 + s) * v[n] for n, p in landscape.initial.items()}
        difference = sum((f - c) * s**i for i, (f, c) in enumerate(zip(found.objective, found.loss, strict=True)))
        assert difference == pytest.approx(landscape.decay_value(point), rel=1e-13)
    assert found.objective[3:] == found.loss[3:]


def test_decay_without_direction() -> None:
    landscape = _function(lambda x: x.sum(), weight_decay=2.0)
    found = taylor_coefficients(landscape, landscape.initial, {}, order=2)
    assert found.objective == pytest.approx([found.loss[0] + 1.0, 0.0, 0.0])  # ½·2·‖θ‖² with ‖θ‖ = 1
    assert found.loss[1:] == (0.0, 0.0)


@pytest.mark.parametrize("t", [0.0, -0.4])
def test_network_against_nested_reverse(t: float) -> None:
    landscape = _network()
    v = _direction(landscape)
    found = taylor_coefficients(landscape, landscape.initial, v, order=5, t=t)
    expected = nested_reverse(landscape.loss_function, landscape.initial, v.get, landscape.batches[0], order=5, t=t)
    assert found.method == "taylor"
    assert found.loss == pytest.approx(expected, rel=1e-10)


def test_any_split_into_batches_gives_the_same() -> None:
    """Seven rows in batches of 7, of 4 + 3, and of 3 + 3 + 1: weights follow the number of rows."""
    results = []
    for batches in (1, 2, 3):
        landscape = _network(batches, rows=7)
        assert len(landscape.batches) == batches
        results.append(taylor_coefficients(landscape, landscape.initial, _direction(landscape), order=4).loss)
    assert results[0] == pytest.approx(results[1], rel=1e-12)
    assert results[0] == pytest.approx(results[2], rel=1e-12)


def test_direction_may_be_a_function_and_leave_tensors_out() -> None:
    landscape = _network()
    v = _direction(landscape)
    only = {n: t for n, t in v.items() if n.startswith("4")}
    by_mapping = taylor_coefficients(landscape, landscape.initial, only, order=3)
    by_function = taylor_coefficients(landscape, landscape.initial, lambda n: only.get(n), order=3)
    with_zeros = taylor_coefficients(
        landscape, landscape.initial, {n: only.get(n, torch.zeros_like(t)) for n, t in v.items()}, order=3
    )
    assert by_mapping == by_function
    assert by_mapping.loss == pytest.approx(with_zeros.loss, rel=1e-13)


def test_order_zero_is_the_loss() -> None:
    landscape = _network()
    found = taylor_coefficients(landscape, landscape.initial, _direction(landscape), order=0)
    assert found.loss == (pytest.approx(landscape.loss(landscape.initial), rel=1e-14),)


def test_negative_order() -> None:
    landscape = _function(torch.sum)
    with pytest.raises(RequestError, match=r"order of a Taylor expansion: -1 is negative; give 0 or more"):
        taylor_coefficients(landscape, landscape.initial, {}, order=-1)


def test_batch_is_an_input_and_not_a_constant() -> None:
    landscape = _network(2, rows=6)
    v = _direction(landscape)
    expected = [
        nested_reverse(landscape.loss_function, landscape.initial, v.get, b, order=2) for _, b in landscape.weighted_batches()
    ]
    found = taylor_coefficients(landscape, landscape.initial, v, order=2)
    assert found.loss == pytest.approx([0.5 * (a + b) for a, b in zip(*expected, strict=True)], rel=1e-12)
    assert len(program._PROGRAMS[landscape.loss_function]) == 1  # both batches have one shape


def test_export_is_cached_and_dies_with_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()
    original = program.export_program

    def counted(*arguments: object) -> object:
        calls["export"] += 1
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(program, "export_program", counted)
    landscape = _function(lambda x: x.square().sum())
    for t in (0.0, 1.0):
        taylor_coefficients(landscape.with_decay(t), landscape.initial, _direction(landscape), order=2, t=t)
    assert calls["export"] == 1
    lifetime = weakref.ref(landscape.loss_function)
    del landscape
    gc.collect()
    assert lifetime() is None


def test_point_other_than_the_one_exported_at() -> None:
    landscape = _function(lambda x: (x**3).sum())
    v = {"theta": torch.ones(3, dtype=torch.float64)}
    taylor_coefficients(landscape, landscape.initial, v, order=3)
    point = {"theta": torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)}
    assert taylor_coefficients(landscape, point, v, order=3).loss == pytest.approx([36, 42, 18, 3])


def test_missing_rule_falls_back_and_says_where() -> None:
    landscape = _function(lambda x: torch.linalg.det(torch.outer(x, x) + torch.eye(3, dtype=x.dtype)))
    v = _direction(landscape)
    found = taylor_coefficients(landscape, landscape.initial, v, order=2)
    assert found.method == "nested reverse"
    assert found.note is not None
    assert "aten._linalg_det.default has no Taylor rule" in found.note
    # det(I + xxᵀ) = 1 + |x|²
    x, u = landscape.initial["theta"], v["theta"]
    assert found.loss == pytest.approx([2.0, 2 * float(x @ u), float(u @ u)], rel=1e-12)


def test_branch_on_a_value_falls_back() -> None:
    landscape = _function(lambda x: x.sum() ** 2 if x.sum() > 0 else x.sum())
    found = taylor_coefficients(landscape, landscape.initial, {"theta": torch.ones(3, dtype=torch.float64)}, order=2)
    assert found.method == "nested reverse"
    assert found.note is not None
    assert found.note.startswith("loss: torch.export cannot trace it (GuardOnDataDependentSymNode")
    assert found.loss == pytest.approx([3.0, 6 * 3**0.5, 9.0])


def test_program_raises_one_class() -> None:
    landscape = _function(lambda x: torch.linalg.det(torch.outer(x, x)))
    program = export_program(landscape.loss_function, landscape.initial, None)
    with pytest.raises(TaylorError, match="has no Taylor rule") as caught:
        program.run(None, lambda name: UnivariateJet([landscape.initial[name]] * 2))
    assert isinstance(caught.value, VillaniError)


def test_rule_that_fails_names_the_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = _function(lambda x: x.sin().sum())
    program = export_program(landscape.loss_function, landscape.initial, None)

    def failing(x: UnivariateJet) -> UnivariateJet:
        raise ValueError("on purpose")

    monkeypatch.setitem(RULES, aten.sin.default, failing)
    with pytest.raises(TaylorError, match=r"operation aten\.sin\.default: its Taylor rule failed \(.*\): ValueError: on purpose"):
        program.run(None, lambda name: UnivariateJet([landscape.initial[name]] * 2))


def test_constant_loss() -> None:
    landscape = _function(lambda x: torch.zeros_like(x).sum() + 2.0)
    assert taylor_coefficients(landscape, landscape.initial, _direction(landscape), order=2).loss == (2.0, 0.0, 0.0)


class TestCasts:
    """A cast inside the loss."""

    landscape = _function(lambda x: (x.float() ** 2).sum().double(), initial=torch.full((3,), 0.1, dtype=torch.float64))
    v = {"theta": torch.ones(3, dtype=torch.float64)}  # noqa: RUF012

    def test_each_coefficient_is_rounded(self) -> None:
        found = taylor_coefficients(self.landscape, self.landscape.initial, self.v, order=2)
        assert found.loss[0] != pytest.approx(0.03, rel=1e-12)
        assert found.loss == pytest.approx([0.03, 0.6, 3.0], rel=1e-6)

    def test_casts_to_the_declared_dtype_are_left_out(self) -> None:
        found = taylor_coefficients(self.landscape, self.landscape.initial, self.v, order=2, declared=torch.float32)
        assert found.loss == pytest.approx([0.03, 0.6, 3.0], rel=1e-14)

    def test_casts_below_the_declared_dtype_are_kept(self) -> None:
        half = _function(lambda x: (x.half() ** 2).sum().double(), initial=torch.full((3,), 0.1, dtype=torch.float64))
        found = taylor_coefficients(half, half.initial, self.v, order=2, declared=torch.float32)
        assert found.loss[0] != pytest.approx(0.03, rel=1e-6)

    def test_cast_to_integer_stops_the_motion(self) -> None:
        steps = _function(lambda x: x.long().sum().double(), initial=torch.full((3,), 1.5, dtype=torch.float64))
        assert taylor_coefficients(steps, steps.initial, self.v, order=2).loss == (3.0, 0.0, 0.0)


def test_values_are_freed_after_their_last_use() -> None:
    """A chain of 40 products of a (200, 200) jet of order 3 holds a few jets at a time, not 40."""

    def chain(x: Tensor) -> Tensor:
        y = x.reshape(200, 200)
        for _ in range(40):
            y = torch.sin(y)
        return y.sum()

    landscape = _function(chain, 40_000)
    program = export_program(landscape.loss_function, landscape.initial, None)
    alive: list[weakref.ref[Tensor]] = []
    most = 0
    sin = RULES[aten.sin.default]

    def watched(x: UnivariateJet) -> UnivariateJet:
        nonlocal most
        result = sin(x)
        alive.append(weakref.ref(result.value))
        most = max(most, sum(r() is not None for r in alive))
        return result

    RULES[aten.sin.default] = watched
    try:
        v = torch.ones(40_000, dtype=torch.float64)
        program.run(None, lambda name: UnivariateJet([landscape.initial[name], v], 3))
    finally:
        RULES[aten.sin.default] = sin
    assert len(alive) == 40
    assert most <= 2
