from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
import torch

from villani_verify.curvature import replayed_passes, second_order_taylor
from villani_verify.curvature.probe_addresses import address_on
from villani_verify.curvature.replayed_passes import ReplayedPasses
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.curvature.taylor.table import TaylorError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest


def squares(indices: Any) -> torch.Tensor:
    return torch.tensor([float(k * k) for k in indices])


def test_a_processor_computes_every_pass() -> None:
    passes = ReplayedPasses(squares, 0, torch.device("cpu"))
    for start in range(0, 40, 10):
        assert passes(range(start, start + 10), still_to_come=40 - start).tolist() == [k * k for k in range(start, start + 10)]
    assert passes.captures == 0


class Pretended:
    """CUDA graphs on a processor: what is captured is computed, and a replay computes it again in place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.fail: Exception | None = None
        monkeypatch.setattr(replayed_passes, "has_kernels", lambda device: True)
        monkeypatch.setattr(replayed_passes, "_REFUSED", set())
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
        for name, value in (
            ("CUDAGraph", lambda: self), ("Stream", lambda device: "new"), ("current_stream", lambda device: "old"),
            ("device", lambda device: nullcontext()), ("graph", lambda graph, stream, capture_error_mode: nullcontext()),
            ("set_stream", lambda stream: self.log.append(f"back to the {stream} stream")),
        ):  # fmt: skip
            monkeypatch.setattr(torch.cuda, name, value)

    def compute(self, indices: Any) -> torch.Tensor:
        self.log.append(f"computed {list(indices)}")
        if self.fail is not None and len([line for line in self.log if line.startswith("computed")]) == 2:
            raise self.fail
        # What a pass draws depends on the address alone, which in a capture lies in the buffer.
        self.out = squares(address_on(torch.device("cpu"), 5, indices)[1:])
        return self.out

    def replay(self) -> None:
        self.log.append("replayed")
        self.out.copy_(squares(self.passes._captured.buffer.held[1:]))

    def run(self, count: int, each: int) -> list[float]:
        self.passes = ReplayedPasses(self.compute, 5, torch.device("cpu"))
        found: list[float] = []
        for start in range(0, count, each):
            found += self.passes(range(start, min(start + each, count)), still_to_come=count - start).tolist()
        return found


def test_the_second_of_many_passes_is_captured_and_the_rest_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Pretended(monkeypatch)
    assert gpu.run(11, 2) == [k * k for k in range(11)]
    assert gpu.log == ["computed [0, 1]", "computed [2, 3]", *["replayed"] * 4, "computed [10]"]
    assert gpu.passes.captures == 1
    gpu.log.clear()
    assert gpu.run(6, 2) == [k * k for k in range(6)]  # too few are to come after the first
    assert gpu.log == ["computed [0, 1]", "computed [2, 3]", "computed [4, 5]"]


REFUSALS = [(torch.OutOfMemoryError("none left"), False), (RuntimeError("not permitted"), True), (TaylorError("in a rule"), True)]


@pytest.mark.parametrize(("error", "refused"), REFUSALS)
def test_what_cannot_be_captured_is_computed(error: Exception, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Pretended(monkeypatch)
    gpu.fail = error
    assert gpu.run(10, 2) == [k * k for k in range(10)]
    assert gpu.log[1:4] == ["computed [2, 3]", "back to the old stream", "computed [2, 3]"]
    assert gpu.passes.captures == 0
    gpu.log.clear()
    gpu.fail = None
    gpu.run(10, 2)
    assert gpu.passes.captures == (0 if refused else 1)


@pytest.fixture
def small() -> Landscape:
    return LandscapeRequest(landscape="gpt-neo-small", device="cuda").load()


@pytest.mark.gpu
@pytest.mark.parametrize("rounding", [None, torch.bfloat16])
def test_replays_are_the_passes_to_the_last_bit(small, rounding, monkeypatch) -> None:
    made = []

    class Watched(ReplayedPasses):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    # Passes of ten probes, and the last one of nine.
    monkeypatch.setattr(second_order_taylor, "pass_sizes", lambda landscape, point: (landscape, 10))
    monkeypatch.setattr(second_order_taylor, "ReplayedPasses", Watched)
    sample = partial(SecondOrderTaylor(rounding).laplacian_samples, small, small.initial, seed=3)
    found = sample(indices=range(59))
    assert made[0].captures == 1
    monkeypatch.setattr(replayed_passes, "has_kernels", lambda device: False)
    assert found == sample(indices=range(59))
    assert made[1].captures == 0


@pytest.mark.gpu
def test_nothing_in_a_pass_waits_for_the_gpu(small, monkeypatch) -> None:
    waits = []

    class Strict(ReplayedPasses):
        def __call__(self, indices: Any, *, still_to_come: int) -> torch.Tensor:
            torch.cuda.set_sync_debug_mode("default" if still_to_come == 40 else "error")  # the first one looks rows up
            try:
                found = super().__call__(indices, still_to_come=still_to_come)
                waits.append(still_to_come)
                return found
            finally:
                torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(second_order_taylor, "pass_sizes", lambda landscape, point: (landscape, 20))
    monkeypatch.setattr(second_order_taylor, "ReplayedPasses", Strict)
    SecondOrderTaylor().quadratic_forms(small, small.initial, seed=0, indices=range(40))
    assert waits == [40, 20]


@pytest.mark.gpu
def test_a_pass_that_cannot_be_captured_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    one, before = torch.ones(1, device="cuda"), torch.cuda.current_stream()
    monkeypatch.setattr(replayed_passes, "_REFUSED", set())
    there = squares(range(50)).cuda()

    def waits(indices: Any) -> torch.Tensor:
        return there[indices.start : indices.stop] * float(one)

    passes = ReplayedPasses(waits, 0, torch.device("cuda"))
    for start in range(0, 50, 10):
        assert passes(range(start, start + 10), still_to_come=50 - start).tolist() == [k * k for k in range(start, start + 10)]
    assert passes.captures == 0
    assert torch.cuda.current_stream() == before
    assert torch.device("cuda") in replayed_passes._REFUSED
