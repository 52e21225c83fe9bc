from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from villani_verify.curvature import pass_sizes, probe_signs
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.curvature.probe_signs import probe_of
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.curvature.taylor import TaylorError, directions
from villani_verify.curvature.taylor.program import AdjointError, Program, largest_value
from villani_verify.curvature.taylor.weighted import Adjoints
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.memory import MemoryNote

F64 = torch.float64
ENGINE = SecondOrderTaylor()


def forms(landscape: Landscape, engine: Any = ENGINE, *, seed: int = 3, indices: Any = range(4)) -> list[float]:
    return engine.quadratic_forms(landscape, landscape.initial, seed=seed, indices=indices)


def test_a_loss_that_does_not_move() -> None:
    assert forms(Landscape.from_function(lambda t: t.new_tensor(5.0), 4)) == [0.0] * 4


@pytest.mark.parametrize("name", ["gpt-neo", "gpt-neo-relu", "gpt2", "gpt-neox", "llama", "qwen3"])
@pytest.mark.parametrize(
    ("most_stacked", "patterns"), [(1 << 24, 96), (0, 96), (1 << 24, 3)], ids=["stacked", "one by one", "patterns"]
)
def test_agrees_with_double_backward_on_language_models(
    name: str, most_stacked: int, patterns: int, causal_lm: Callable[[str], Landscape], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directions, "_MOST_STACKED", most_stacked)
    monkeypatch.setattr(probe_signs, "PATTERNS", patterns)
    landscape = causal_lm(name)
    # Llama, GPT-NeoX and Qwen3 compute parts of themselves in float32, and reverse mode rounds there in another order.
    tolerance = 1e-10 if name in ("gpt-neo", "gpt-neo-relu", "gpt2") else 1e-5
    expected = forms(landscape, DoubleBackward())
    assert forms(landscape) == pytest.approx(expected, rel=tolerance, abs=tolerance * max(map(abs, expected)))


def test_slopes_are_those_of_the_gradient() -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=2).load()
    found = ENGINE.directional_forms(landscape, landscape.initial, seed=3, indices=range(4), group=2)
    _, gradient = loss_and_gradient(landscape, landscape.initial)
    lines = [probe_of(landscape.initial, seed=3, index=k) for k in range(4)]
    expected = [sum(float((gradient[n] * v[n]).sum()) for n in gradient) for v in lines]
    assert found.slopes == pytest.approx(expected, rel=1e-11)


def test_slopes_of_batches_are_weighted() -> None:
    whole = LandscapeRequest(landscape="gpt2-tiny", sequences=3).load()
    split = Landscape.causal_lm(whole.loss_function.model, whole.batches[0], sequences_per_batch=2).at(whole.initial)
    assert len(set(split.batch_weights)) == 2
    found, expected = (ENGINE.directional_forms(x, x.initial, seed=3, indices=range(4)).slopes for x in (split, whole))
    assert found == pytest.approx(expected, rel=1e-10)


def test_detached_tensors_move_like_others() -> None:
    """The landscape is a function of θ: what a loss hides from reverse mode still changes with it."""
    hidden = Landscape.from_function(lambda t: 1 + (torch.sin(t.detach()) * t).sum().square(), 3)
    plain = Landscape.from_function(lambda t: 1 + (torch.sin(t) * t).sum().square(), 3)
    point = {"theta": torch.tensor([0.3, -1.2, 0.7], dtype=F64)}
    assert forms(hidden.at(point)) == pytest.approx(forms(plain.at(point)), rel=1e-12)


@pytest.mark.parametrize("patterns", [96, 3])
def test_a_group_is_the_mean_of_its_probes(patterns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_signs, "PATTERNS", patterns)
    landscape = LandscapeRequest(landscape="gpt2-tiny", sequences=2).load()
    single = forms(landscape, indices=range(6))
    for group in (2, 3, 6):
        found = ENGINE.directional_forms(landscape, landscape.initial, seed=3, indices=range(6), group=group).forms
        expected = [sum(single[i : i + group]) / group for i in range(0, 6, group)]
        assert found == pytest.approx(expected, rel=1e-11)
    with pytest.raises(ValueError, match="6 probes do not fall into groups of 4"):
        ENGINE.directional_forms(landscape, landscape.initial, seed=3, indices=range(6), group=4)


@pytest.mark.parametrize("probes_per_pass", [1, 2, 3, 5, 100])
def test_the_chunk_does_not_change_the_numbers(probes_per_pass: int, monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load()
    whole = forms(landscape, indices=range(5))
    monkeypatch.setattr(pass_sizes, "_MOST_PROBES_PER_PASS", probes_per_pass)
    monkeypatch.setattr(pass_sizes, "_NUMBERS_IN_CACHE", 0)
    assert forms(landscape, indices=range(5)) == pytest.approx(whole, rel=1e-12)


def test_what_cannot_be_expanded_is_named() -> None:
    landscape = Landscape.from_function(lambda x: torch.linalg.det(torch.outer(x, x)), 3)
    with pytest.raises(TaylorError, match=r"operation aten\._linalg_det\.default has no Taylor rule \(.*det.*\)"):
        forms(landscape)


def test_an_export_that_gives_another_loss_is_refused() -> None:
    """What Python decided while the loss was traced stays as it was: here a factor that changes with every call."""
    calls: list[int] = []

    def loss(x: Tensor) -> Tensor:
        calls.append(1)
        return (x * x).sum() * len(calls) + 1

    with pytest.raises(TaylorError, match="its exported graph gives"):
        forms(Landscape.from_function(loss, 3, initial=torch.ones(3)))


def test_fewer_probes_a_pass_where_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=2).load()
    expected = forms(landscape, indices=range(7))
    original = Adjoints.second_order
    passes: list[int] = []

    def refusing(self: Adjoints, parameter: Any, count: int) -> Tensor:
        passes.append(count)
        if passes[-1] > 2:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes")
        return original(self, parameter, count)

    monkeypatch.setattr(Adjoints, "second_order", refusing)
    with pytest.warns(MemoryNote, match="out of memory: going on with") as caught:
        assert forms(landscape, indices=range(7)) == pytest.approx(expected, rel=1e-12)
    assert passes == [7, 3, *[1] * 7]
    assert [str(w.message) for w in caught] == [f"out of memory: going on with {k} probes a pass" for k in (3, 1)]


def test_sequences_are_cut_until_several_probes_share_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = LandscapeRequest(landscape="llama-tiny", sequences=5, sequence_length=8).load()
    expected = forms(landscape, indices=range(6))
    # With tied embeddings samples would change: they keep the terms of the rows that a batch looks up.
    samples = ENGINE.laplacian_samples(landscape, landscape.initial, seed=3, indices=range(6))
    largest = largest_value(landscape.loss_function, landscape.initial, landscape.batches)
    made: list[int] = []
    original = Program.adjoints

    def counted(self: Program, batch: Any, point: Any) -> Any:
        made.append(len(batch))
        return original(self, batch, point)

    monkeypatch.setattr(Program, "adjoints", counted)
    # Room for four probes with all five sequences, so for eight with two or three; six need two passes.
    monkeypatch.setattr(pass_sizes, "_NUMBERS_PER_PASS", 4 * largest)
    monkeypatch.setattr(pass_sizes, "_MOST_PROBES_PER_PASS", 4)
    monkeypatch.setattr(pass_sizes, "_NUMBERS_IN_CACHE", 0)
    assert forms(landscape, indices=range(6)) == pytest.approx(expected, rel=1e-11)
    assert made == [2, 3]  # the two passes of a batch share its adjoints
    found = ENGINE.laplacian_samples(landscape, landscape.initial, seed=3, indices=range(6))
    assert found == pytest.approx(samples, rel=1e-11)
    monkeypatch.setattr(pass_sizes, "_NUMBERS_PER_PASS", 1)
    made.clear()
    assert forms(landscape, indices=range(6)) == pytest.approx(expected, rel=1e-11)
    assert made == [1] * 5


@pytest.mark.parametrize(("free", "expected"), [(84 << 30, 14 << 28), (1 << 20, 1 << 26)])
def test_a_gpu_has_room_for_what_its_free_memory_allows(free: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free - (3 << 10), 80 << 30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 5 << 10)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 2 << 10)
    subject: Any = SimpleNamespace(device=torch.device("cuda"), dtype=torch.float32)
    assert pass_sizes._room(subject) == expected
    subject.device = torch.device("cpu")
    assert pass_sizes._room(subject) == 1 << 26


def test_free_memory_changes_the_probes_of_a_pass_and_not_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tied embeddings other batches give other samples."""
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=5, sequence_length=8).load()
    largest = largest_value(landscape.loss_function, landscape.initial, landscape.batches)
    monkeypatch.setattr(pass_sizes, "_NUMBERS_PER_PASS", 4 * largest)
    found = []
    for room in (4 * largest, 20 * largest):
        monkeypatch.setattr(pass_sizes, "_room", lambda _, room=room: room)
        small, per_pass = pass_sizes.pass_sizes(landscape, landscape.initial)
        found.append(([len(batch) for batch in small.batches], per_pass))
    assert found == [([2, 3], 8), ([2, 3], 40)]


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("base", [lambda x: x.exp()[:, None], lambda x: x.square().sum()])
def test_powers_with_one_exponent_for_each_column(base: Any, count: int) -> None:
    exponents = torch.tensor([0.0, 1.0, 2.0, 2.5], dtype=F64)
    theta = torch.tensor([0.3, -0.2, 0.5], dtype=F64)
    scape = Landscape.from_function(lambda x: ((base(x) ** exponents) ** 2).sum(), 3, initial=theta)
    arguments = {"seed": 1, "indices": range(count)}
    found = ENGINE.quadratic_forms(scape, scape.initial, **arguments)
    assert found == pytest.approx(DoubleBackward().quadratic_forms(scape, scape.initial, **arguments), rel=1e-11)


def test_a_gpu_takes_longer_batches_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=5, sequence_length=8).load()
    largest = largest_value(landscape.loss_function, landscape.initial, landscape.batches)
    monkeypatch.setattr(pass_sizes, "_NUMBERS_PER_PASS", largest)
    monkeypatch.setattr(pass_sizes, "_NUMBERS_PER_PASS_ON_GPU", 8 * largest)
    monkeypatch.setattr(pass_sizes, "_room", lambda _: 300 * largest)
    monkeypatch.setattr(pass_sizes, "largest_value", lambda *_: largest)
    monkeypatch.setattr(pass_sizes, "_NUMBERS_IN_CACHE", 0)
    there: Any = SimpleNamespace(loss_function=landscape.loss_function, batches=landscape.batches, device=torch.device("cuda"))
    assert pass_sizes.pass_sizes(there, landscape.initial) == (there, 256)
    small, per_pass = pass_sizes.pass_sizes(landscape, landscape.initial)
    assert ([len(batch) for batch in small.batches], per_pass) == ([1] * 5, 64)


@pytest.mark.parametrize(
    ("values", "parameters", "most"), [(1, 1, 512), (2048, 2048, 512), (2049, 1, 448), (1, 8192, 128), (1, 8193, 64)]
)
def test_more_probes_share_a_pass_of_a_small_model(
    values: int, parameters: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pass_sizes, "largest_value", lambda *_: values)
    landscape = Landscape.from_function(lambda x: x.sum() ** 2, parameters)
    assert pass_sizes.pass_sizes(landscape, landscape.initial) == (landscape, most)


def test_rows_of_other_data_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of a batch that is not of sequences may be no mean over its rows."""
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    module = torch.nn.Linear(3, 2, dtype=F64)
    landscape = Landscape.from_module(module, lambda out, target: out.std(0).sum() + out.square().mean(), [(x, x)])
    expected = forms(landscape)
    monkeypatch.setattr(pass_sizes, "_NUMBERS_PER_PASS", 1)
    assert forms(landscape) == pytest.approx(expected, rel=1e-12)


def test_halved_batches_give_the_same_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=3).load()
    expected = forms(landscape, indices=range(3))
    original = Program.adjoints

    def refusing(self: Program, batch: Any, point: Any) -> Any:
        if len(batch) > 1:
            raise MemoryError
        return original(self, batch, point)

    monkeypatch.setattr(Program, "adjoints", refusing)
    with pytest.warns(MemoryNote, match="every batch cut in two"):
        assert forms(landscape, indices=range(3)) == pytest.approx(expected, rel=1e-11)


def test_without_adjoints_it_goes_forward_only(monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load()
    expected = forms(landscape)

    def refusing(self: Program, batch: Any, point: Any) -> Any:
        raise AdjointError("no rule")

    monkeypatch.setattr(Program, "adjoints", refusing)
    assert forms(landscape) == pytest.approx(expected, rel=1e-11)
    assert ENGINE.laplacian_samples(landscape, landscape.initial, seed=3, indices=range(4)) == pytest.approx(expected, rel=1e-11)


def test_what_is_hidden_from_reverse_mode_is_expanded() -> None:
    # vᵀ∇²(x² · x.detach()) v by the values is that of x³.
    landscape = Landscape.from_function(lambda x: (x**2 * x.detach()).sum() + 9, 3, initial=torch.ones(3, dtype=F64))
    assert forms(landscape) == pytest.approx([18.0] * 4)


_PEAK = """
import torch
from torch import nn
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.environment import peak_memory_bytes
from villani_verify.landscape import Landscape

module = nn.Sequential(*[nn.Linear(1000, 1000, bias=False) for _ in range(20)])
x = torch.randn(8, 1000)
landscape = Landscape.from_module(module, nn.functional.mse_loss, [(x, x)])
SecondOrderTaylor().quadratic_forms(landscape, landscape.initial, seed=0, indices=range(1))
before = peak_memory_bytes(landscape.device)
SecondOrderTaylor().quadratic_forms(landscape, landscape.initial, seed=0, indices=range(32))
print(peak_memory_bytes(landscape.device) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the high-water mark of /proc")
def test_probes_are_not_all_in_memory_at_once() -> None:
    """Thirty-two probes of twenty million signs are 2.6 GB; of one tensor of them only one probe exists at a time."""
    import subprocess

    grown = int(subprocess.run([sys.executable, "-c", _PEAK], capture_output=True, check=True, text=True).stdout)
    assert grown < 200e6
