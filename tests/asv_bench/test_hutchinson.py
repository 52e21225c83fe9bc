from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
import torch

from villani_verify.curvature import engine
from villani_verify.curvature.double_backward import DoubleBackward

Bench = Callable[[str], ModuleType]
TINY = ("gpt-neo-tiny", "reverse", "cpu", "float64")
SECONDS = ("track_seconds_per_probe", "track_seconds_per_sample", "track_forward_passes_per_sample")


@pytest.mark.parametrize("benchmark", [*SECONDS, "track_peak_host_bytes"])
def test_a_wrong_engine_gets_no_figure(bench: Bench, monkeypatch: pytest.MonkeyPatch, benchmark: str) -> None:
    class Halved(DoubleBackward):
        def quadratic_forms(self, *args: object, **kwargs: object) -> list[float]:
            return [q / 2 for q in super().quadratic_forms(*args, **kwargs)]  # type: ignore[arg-type]

        def laplacian_samples(self, *args: object, **kwargs: object) -> list[float]:
            return [q + 200 for q in super().quadratic_forms(*args, **kwargs)]  # type: ignore[arg-type]

    def halved_in_a_child(module: str, *key: str) -> dict[str, object]:
        landscape = bench("cases").load(key[0], key[2], key[3])
        forms = Halved().quadratic_forms(landscape, landscape.initial, seed=bench("cases").SEED, indices=range(2))
        return {"forms": forms, "host": 1, "device": 0}

    hutchinson = bench("hutchinson")
    monkeypatch.setattr(engine, "engine_for", lambda name: Halved())
    monkeypatch.setattr(hutchinson, "measured", halved_in_a_child)
    owner = hutchinson.HutchinsonTime if benchmark in SECONDS else hutchinson.HutchinsonMemory
    with pytest.raises(bench("accuracy").InaccurateEngineError):
        getattr(owner(), benchmark)(*TINY)


@pytest.mark.parametrize("name", ["taylor", "reverse", "forward-over-reverse"])
def test_seconds_are_those_of_one_probe(bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    # A clock that gains 32 s between readings: 32 s a call of 16 probes.
    ticks = iter(range(0, 32 * 1000, 32))
    monkeypatch.setattr(bench("clock"), "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    times = bench("hutchinson").HutchinsonTime()
    assert times.track_seconds_per_probe("gpt-neo-tiny", name, "cpu", "float64") == 2.0
    assert times.track_seconds_per_sample("gpt-neo-tiny", name, "cpu", "float64") == 2.0
    # A call of 16 samples takes as long as a loss.
    assert times.track_forward_passes_per_sample("gpt-neo-tiny", name, "cpu", "float64") == 1 / 16


def test_the_dtype_is_the_one_asked_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hutchinson = bench("hutchinson")
    for dtype in ("float32", "float64"):
        _, loaded = hutchinson.checked_forms("gpt-neo-tiny", "reverse", "cpu", dtype)
        assert loaded.dtype == getattr(torch, dtype)


def test_peak_memory_is_not_the_parents(bench: Bench) -> None:
    # 1.5 GiB touched here; a fresh process with torch, transformers and 822 parameters holds well under 1 GiB.
    held = torch.ones(3 * 2**26, dtype=torch.float64)
    found = bench("child").measured("peak_memory", *TINY)
    assert held.sum() == 3 * 2**26
    assert 2**26 < found["host"] < 2**30
    assert found["device"] == 0
    assert len(found["forms"]) == bench("cases").CASES["gpt-neo-tiny"].num_probes


def test_the_device_has_no_memory_of_its_own_on_cpu(bench: Bench) -> None:
    with pytest.raises(NotImplementedError, match="the host is the device"):
        bench("hutchinson").HutchinsonDeviceMemory().setup(*TINY)


def test_peaks_are_told_apart(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hutchinson = bench("hutchinson")
    forms = hutchinson.checked_forms(*TINY)[0]()
    monkeypatch.setattr(hutchinson, "measured", lambda module, *key: {"forms": forms, "host": 5, "device": 7})
    assert hutchinson.peaks(*TINY) == {"host": 5, "device": 7}


def test_a_failing_child_is_reported(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)peak_memory nowhere reverse cpu float64: exit status 1: .*Error: .*nowhere"):
        bench("child").measured("peak_memory", "nowhere", "reverse", "cpu", "float64")
