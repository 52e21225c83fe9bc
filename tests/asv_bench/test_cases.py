from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

Bench = Callable[[str], ModuleType]
TOPICS = ("hutchinson", "estimates", "verification", "startup", "scaling", "campaigns")


def test_what_the_machine_lacks_is_skipped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    cases, setup = bench("cases"), bench("hutchinson").HutchinsonTime().setup
    setup("gpt-neo-tiny", "reverse", "cpu", "float64")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NotImplementedError, match="no CUDA device"):
        setup("gpt-neo-tiny", "reverse", "cuda", "float32")
    monkeypatch.delenv(cases.LARGE, raising=False)
    with pytest.raises(NotImplementedError, match="set VILLANI_BENCH_LARGE=1"):
        setup("gpt-neo-125m", "reverse", "cpu", "float32")
    monkeypatch.setenv(cases.LARGE, "1")
    monkeypatch.setattr(cases, "memory_bytes", lambda device: 19 * 2**30)
    setup("gpt-neo-125m", "reverse", "cpu", "float32")
    with pytest.raises(NotImplementedError, match="gpt-neo-125m needs 20 GiB on cpu"):
        setup("gpt-neo-125m", "reverse", "cpu", "float64")
    monkeypatch.setattr(cases, "memory_bytes", lambda device: 9 * 2**30)
    with pytest.raises(NotImplementedError, match="gpt-neo-125m needs 10 GiB on cpu"):
        setup("gpt-neo-125m", "reverse", "cpu", "float32")


def test_a_gpu_is_found_by_torch_where_the_driver_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = bench("cases")
    for library, available, found in ((None, True, False), ("libcuda.so.1", False, False), ("libcuda.so.1", True, True)):
        monkeypatch.setattr(cases, "find_library", lambda name, library=library: library)
        monkeypatch.setattr(torch.cuda, "is_available", lambda available=available: available)
        assert cases.has_cuda() is found


@pytest.mark.parametrize("topic", TOPICS)
def test_params_do_not_depend_on_the_machine(bench: Bench, monkeypatch: pytest.MonkeyPatch, topic: str) -> None:
    before = {owner.__name__: owner.params for owner in owners(bench(topic))}
    monkeypatch.setattr(bench("cases"), "find_library", lambda name: "libcuda.so.1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv(bench("cases").LARGE, "1")
    assert before == {owner.__name__: owner.params for owner in owners(importlib.reload(bench(topic)))}
    assert before


@pytest.mark.parametrize("topic", TOPICS)
def test_every_benchmark_has_a_unit_and_names_for_its_parameters(bench: Bench, topic: str) -> None:
    for owner in owners(bench(topic)):
        assert len(owner.params) == len(owner.param_names)
        tracked = [name for name in dir(owner) if name.startswith("track_")]
        assert tracked
        for name in tracked:
            assert getattr(owner, name).unit in {
                "seconds", "bytes", "forward passes", "derivatives", "exponent", "seconds × relative error²", "share"
            }  # fmt: skip


def test_importing_the_benchmarks_is_cheap() -> None:
    # asv imports them once for each combination of parameters, also for those that are skipped.
    heavy = "sorted({'torch', 'transformers', 'villani_verify'} & set(sys.modules))"
    code = f"import sys; from benchmarks import {', '.join(TOPICS)}; print({heavy})"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root / "asv_bench", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def owners(module: ModuleType) -> list[type]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and any(n.startswith("track_") for n in dir(value))
    ]


def test_a_gpu_gets_as_many_probes_as_keep_it_busy(bench: Bench) -> None:
    case = bench("cases").Case(num_probes=16, repeats=1)
    asked = [("cpu", "taylor"), ("cpu", "reverse"), ("cuda", "taylor"), ("cuda", "reverse")]
    assert [case.probes_on(*where) for where in asked] == [16, 16, 256, 16]
    assert bench("cases").Case(num_probes=2, repeats=1).probes_on("cuda", "reverse") == 8
