from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from villani_verify.curvature import forward_over_reverse
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.errors import DeviceError
from villani_verify.landscape import Landscape
from villani_verify.memory import (
    MemoryNote,
    halving_batches,
    in_passes,
    in_passes_of_rows,
    is_out_of_memory,
    release,
)

F64 = torch.float64
REFUSAL = "DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes"
ENGINES = pytest.mark.parametrize("engine", [DoubleBackward(), ForwardOverReverse()], ids=lambda e: e.name)


class Limited:
    """Mean squared error that runs out of memory on more rows than `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.seen: list[int] = []

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        self.seen.append(len(target))
        if len(target) > self.most:
            raise RuntimeError(REFUSAL)
        return ((prediction - target) ** 4).mean()


def landscape_with(loss: Any, rows: int = 7) -> Landscape:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(rows, k, generator=generator, dtype=F64) for k in (3, 2))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Linear(3, 2, dtype=F64)
    return Landscape.from_module(module, loss, [(x, y)])


@ENGINES
@pytest.mark.parametrize(("most", "halvings"), [(7, 0), (6, 1), (4, 1), (3, 2), (1, 3)])
def test_halving_gives_the_same_forms_and_says_so(engine: Any, most: int, halvings: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # One probe a pass, so that it is the batch which is halved.
    monkeypatch.setattr(forward_over_reverse, "NUMBERS_PER_PASS", 1)
    free = landscape_with(Limited(1000))
    expected = engine.quadratic_forms(free, free.initial, seed=1, indices=[0])
    tight = landscape_with(Limited(most))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forms = engine.quadratic_forms(tight, tight.initial, seed=1, indices=[0])
    assert forms == pytest.approx(expected, rel=1e-13)
    assert [w.category for w in caught] == [MemoryNote] * halvings


@ENGINES
def test_one_row_that_does_not_fit(engine: Any) -> None:
    landscape = landscape_with(Limited(0))
    with (
        pytest.warns(MemoryNote, match="out of memory: going on with"),
        pytest.raises(
            DeviceError, match=r"^device cpu: out of memory with one row a batch; shorten the sequences, or use a larger device"
        ),
    ):
        engine.quadratic_forms(landscape, landscape.initial, seed=1, indices=[0, 1])


@ENGINES
def test_other_errors_pass(engine: Any) -> None:
    def broken(prediction: Tensor, target: Tensor) -> Tensor:
        raise RuntimeError("a shape does not fit")

    landscape = landscape_with(broken)
    with pytest.raises(RuntimeError, match="a shape does not fit"):
        engine.quadratic_forms(landscape, landscape.initial, seed=1, indices=[0, 1])


def test_fewer_probes_a_pass_before_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    free = landscape_with(Limited(1000))
    expected = ForwardOverReverse().quadratic_forms(free, free.initial, seed=1, indices=range(7))
    original = forward_over_reverse.stacked_forms
    passes: list[int] = []

    def refusing(landscape: Landscape, point: Any, directions: Any) -> list[float]:
        passes.append(len(next(iter(directions.values()))))
        if passes[-1] > 2:
            raise RuntimeError(REFUSAL)
        return original(landscape, point, directions)

    monkeypatch.setattr(forward_over_reverse, "stacked_forms", refusing)
    with pytest.warns(MemoryNote, match="out of memory: going on with") as caught:
        forms = ForwardOverReverse().quadratic_forms(free, free.initial, seed=1, indices=range(7))
    assert forms == pytest.approx(expected, rel=1e-13)
    assert passes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert [str(w.message) for w in caught] == [f"out of memory: going on with {k} probes a pass" for k in (3, 1)]


def test_the_batches_stay_halved_for_the_landscape_that_is_passed_on() -> None:
    loss = Limited(4)
    landscape = landscape_with(loss)
    with pytest.warns(MemoryNote):
        assert halving_batches(lambda smaller: smaller.loss(smaller.initial), landscape) == pytest.approx(
            landscape_with(Limited(1000)).loss(landscape.initial), rel=1e-14
        )
    assert loss.seen == [7, 3, 4]


def test_a_function_cannot_be_cut() -> None:
    def loss(theta: Tensor) -> Tensor:
        raise MemoryError

    landscape = Landscape.from_function(loss, 2)
    with pytest.raises(DeviceError, match="out of memory with one row a batch"):
        halving_batches(lambda smaller: smaller.loss(smaller.initial), landscape)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError(REFUSAL), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("not enough memory"), False),
    ],
)
def test_which_errors_are_the_allocator_s(error: BaseException, answer: bool) -> None:
    assert is_out_of_memory(error) is answer


def test_the_allocator_s_own_refusal_is_recognised() -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_release_gives_the_cache_of_an_accelerator_back(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[bool] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    for there in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        release()
        assert bool(emptied) is there


def test_results_do_not_become_wrong_when_terms_are_ignored() -> None:
    # Halves with 1 and 2 terms that count.
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    y = torch.tensor([-100, 1, 0, 1])

    def loss(prediction: Tensor, target: Tensor) -> Tensor:
        if len(target) > 2:
            raise RuntimeError(REFUSAL)
        return nn.functional.cross_entropy(prediction, target)

    module = nn.Linear(3, 2, dtype=F64)
    landscape = Landscape.from_module(module, loss, [(x, y)])
    with pytest.warns(MemoryNote):
        value = halving_batches(lambda smaller: smaller.loss(smaller.initial), landscape)
    log_p = module(x).log_softmax(-1).detach()
    assert value == pytest.approx(-math.fsum(float(log_p[i, y[i]]) for i in (1, 2, 3)) / 3, rel=1e-14)


def test_rows_go_fewer_at_a_time_where_memory_runs_out() -> None:
    rows = torch.arange(10.0).reshape(5, 2)
    done: list[Tensor] = []

    def one_pass(some: Tensor) -> None:
        if len(some) > 1:
            raise MemoryError
        done.append(some)

    with pytest.warns(MemoryNote, match="going on with 1 probes a pass"):
        in_passes_of_rows(one_pass, rows, torch.device("cpu"), per_pass=2)
    assert torch.equal(torch.cat(done), rows)


def test_one_row_of_vectors_that_does_not_fit() -> None:
    def one_pass(some: Tensor) -> None:
        raise MemoryError

    with pytest.raises(DeviceError, match=r"^device cpu: out of memory"):
        in_passes_of_rows(one_pass, torch.zeros(1, 2), torch.device("cpu"), per_pass=1)


@pytest.mark.parametrize(
    ("count", "per_pass", "least", "expected"),
    [
        (8, 10, 1, [8]),
        (8, 5, 1, [4, 4]),
        (9, 5, 1, [5, 4]),
        (10, 4, 2, [4, 4, 2]),
        (5, 5, 5, [5]),
        (16, 3, 8, [8, 8]),
        (0, 5, 1, []),
    ],
)
def test_passes_are_about_equally_large(count: int, per_pass: int, least: int, expected: list[int]) -> None:
    sizes: list[int] = []
    landscape = Landscape.from_function(lambda t: t.square().sum(), 2)
    in_passes(lambda _, chunk: sizes.append(len(chunk)), landscape, range(count), per_pass=per_pass, least=least)
    assert sizes == expected
