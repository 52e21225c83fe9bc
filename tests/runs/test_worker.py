from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from villani_verify.errors import RequestError
from villani_verify.runs import worker
from villani_verify.runs.kinds import KINDS
from villani_verify.runs.unit import Unit
from villani_verify.runs.worker import Task, compute


def task_of(kind: str = "trivial", landscape: str = "", **parameters: Any) -> Task:
    return Task(7, Unit(kind, landscape, parameters).text, "nowhere")


def test_a_unit_is_computed() -> None:
    answer = compute(task_of(number=12))
    assert (answer.number, answer.value, answer.error, answer.notes) == (7, 144, None, ())
    assert answer.worker.endswith(f" {os.getpid()}")
    assert answer.seconds >= 0
    assert answer.peak_bytes > 1_000_000
    assert pickle.loads(pickle.dumps(answer)) == answer


@pytest.mark.parametrize(
    ("raised", "sentence", "final"),
    [
        (RequestError("it is wrong; mend it"), "it is wrong; mend it", True),
        (ZeroDivisionError("two\nlines"), "ZeroDivisionError: two lines", False),
        (MemoryError(), "MemoryError: MemoryError", False),
        (SystemExit(0), "SystemExit: 0", False),
    ],
)
def test_an_error_is_an_answer(monkeypatch: pytest.MonkeyPatch, raised: BaseException, sentence: str, final: bool) -> None:
    def fail(*_: object) -> object:
        raise raised

    monkeypatch.setitem(KINDS, "trivial", fail)
    answer = compute(task_of())
    assert (answer.value, answer.error, answer.final) == (None, sentence, final)


def test_a_request_to_stop_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setitem(KINDS, "trivial", stop)
    with pytest.raises(KeyboardInterrupt):
        compute(task_of())


def test_an_unknown_kind_and_a_missing_landscape_are_final() -> None:
    answer = compute(task_of("unheard-of"))
    assert answer.final
    assert answer.error is not None
    assert "this worker knows none; give it the same version" in answer.error
    answer = compute(task_of("gradient", "f" * 32))
    assert answer.final
    assert answer.error is not None
    assert "landscape 'ffffffff' in 'nowhere/landscapes': it cannot be read" in answer.error


@pytest.mark.parametrize(
    ("count", "devices"), [(0, ["cuda"] * 4), (1, ["cuda"] * 4), (3, ["cuda:0", "cuda:1", "cuda:2", "cuda:0"])]
)
def test_workers_of_one_machine_share_its_devices_out(monkeypatch: pytest.MonkeyPatch, count: int, devices: list[str]) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    monkeypatch.setattr(worker, "_place", 0)
    found = []
    for place in range(4):
        worker.take_place(place)
        found.append(worker._device_of(Task(0, "", "", device="cuda")))
        assert worker._device_of(Task(0, "", "")) == "cpu"
    assert found == devices


def test_what_a_process_imports_to_be_a_worker_is_little() -> None:
    """One that takes a dead one's place is to be there soon."""
    import subprocess

    program = "import sys; import villani_verify.runs.executors.processes as p; sys.exit('torch' in sys.modules)"
    root = str(Path(worker.__file__).parents[2])
    assert subprocess.run([sys.executable, "-c", program], cwd=root).returncode == 0


def test_a_unit_has_the_threads_of_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    # The last bits of a result may depend on their number.
    monkeypatch.setattr("villani_verify.runs.landscapes.load", lambda name, directory, device: None)
    monkeypatch.setitem(KINDS, "trivial", lambda landscape, parameters: torch.get_num_threads())
    before = torch.get_num_threads()
    try:
        for threads in (2, 1, 3):
            unit = Unit("trivial", "f" * 32, {}).text
            assert compute(Task(7, unit, "nowhere", threads=threads)).value == threads
    finally:
        torch.set_num_threads(before)
