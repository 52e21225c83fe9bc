from __future__ import annotations

import importlib
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from villani_verify import Landscape
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse

ROOT = Path(__file__).resolve().parents[1]
TINY_CPU = ("gpt-neo-tiny", "reverse", "cpu")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(ROOT / "asv_bench"))
    names = ("accuracy", "cases", "hutchinson", "peak_memory")
    return SimpleNamespace(**{name: importlib.import_module(f"benchmarks.{name}") for name in names})


@pytest.fixture
def quartic() -> Landscape:
    start = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    return Landscape.from_function(lambda x: (x**4).sum() + x.prod(), 3, initial=start)


def test_reference_forms_match_the_closed_form_hessian(modules: SimpleNamespace, quartic: Landscape) -> None:
    from villani_verify.curvature.probe_signs import probe_signs

    x = quartic.initial["theta"]
    # Hessian of Σx⁴ + xyz: 12x² on the diagonal, the third coordinate off it.
    hessian = torch.diag(12 * x**2) + torch.tensor([[0, x[2], x[1]], [x[2], 0, x[0]], [x[1], x[0], 0]], dtype=torch.float64)
    probes = [probe_signs("theta", x.shape, seed=5, index=k, like=x) for k in range(4)]
    expected = [float(v @ hessian @ v) for v in probes]
    # h = 1e-6: truncation 4 Σ x v³ h² ~ 1e-11, rounding ε‖∇L‖√d/h ~ 1e-8.
    assert modules.accuracy.reference_forms(quartic, seed=5, indices=range(4)) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("engine", [DoubleBackward(), ForwardOverReverse()], ids=lambda e: e.name)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_gate_passes_correct_engines(modules: SimpleNamespace, engine: DoubleBackward, dtype: torch.dtype) -> None:
    landscape = modules.cases.load("gpt-neo-tiny", "cpu").to(dtype=dtype)
    modules.accuracy.check_forms(engine.quadratic_forms(landscape, landscape.initial, seed=0, indices=range(3)), landscape, seed=0)


@pytest.mark.parametrize("wrong", [lambda q: q * (1 + 1e-4), lambda q: -q, lambda q: math.nan, lambda q: 0.0])
def test_the_gate_stops_wrong_engines(modules: SimpleNamespace, quartic: Landscape, wrong: Callable[[float], float]) -> None:
    right = DoubleBackward().quadratic_forms(quartic, quartic.initial, seed=0, indices=range(2))
    modules.accuracy.check_forms(right, quartic, seed=0)
    message = r"function, probe 1: .* central differences give .*; mend the engine"
    with pytest.raises(modules.accuracy.InaccurateEngineError, match=message):
        modules.accuracy.check_forms([right[0], wrong(right[1])], quartic, seed=0)


@pytest.mark.parametrize("benchmark", ["track_seconds_per_probe", "track_seconds_per_sample", "track_peak_memory_bytes"])
def test_a_wrong_engine_gets_no_figure(modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, benchmark: str) -> None:
    class Halved(DoubleBackward):
        def quadratic_forms(self, *args: object, **kwargs: object) -> list[float]:
            return [q / 2 for q in super().quadratic_forms(*args, **kwargs)]  # type: ignore[arg-type]

        def laplacian_samples(self, *args: object, **kwargs: object) -> list[float]:
            return [q + 200 for q in super().quadratic_forms(*args, **kwargs)]  # type: ignore[arg-type]

    def halved_in_fresh_process(*key: str) -> dict[str, object]:
        landscape = modules.cases.load(key[0], key[2])
        forms = Halved().quadratic_forms(landscape, landscape.initial, seed=modules.cases.SEED, indices=range(2))
        return {"forms": forms, "peak_memory_bytes": 1}

    monkeypatch.setattr(modules.hutchinson, "engine_for", lambda name: Halved())
    monkeypatch.setattr(modules.hutchinson, "in_fresh_process", halved_in_fresh_process)
    owner = modules.hutchinson.HutchinsonTime if "seconds" in benchmark else modules.hutchinson.HutchinsonMemory
    with pytest.raises(modules.accuracy.InaccurateEngineError):
        getattr(owner(), benchmark)(*TINY_CPU)


@pytest.mark.parametrize("engine", ["taylor", "reverse", "forward-over-reverse"])
def test_seconds_per_probe_divide_by_the_probes(modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    # A clock that gains 32 s between readings: 32 s a call of 16 probes.
    ticks = iter(range(0, 32 * 100, 32))
    monkeypatch.setattr(modules.hutchinson, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    times = modules.hutchinson.HutchinsonTime()
    assert times.track_seconds_per_probe("gpt-neo-tiny", engine, "cpu") == 2.0
    assert times.track_seconds_per_sample("gpt-neo-tiny", engine, "cpu") == 2.0


def test_params_do_not_depend_on_the_machine(modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv(modules.cases.LARGE, raising=False)
    reloaded: ModuleType = importlib.reload(modules.hutchinson)
    for owner in (reloaded.HutchinsonTime, reloaded.HutchinsonMemory):
        landscapes, engines, devices = owner.params
        assert landscapes == ["gpt-neo-tiny", "gpt-neo-small", "gpt-neo-125m"]
        assert engines == ["taylor", "reverse", "forward-over-reverse"]
        assert devices == ["cpu", "cuda"]
    assert (reloaded.HutchinsonTime.unit, reloaded.HutchinsonMemory.unit) == ("seconds", "bytes")


def test_what_the_machine_lacks_is_skipped(modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = modules.hutchinson.HutchinsonTime().setup
    setup(*TINY_CPU)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NotImplementedError, match="no CUDA device"):
        setup("gpt-neo-tiny", "reverse", "cuda")
    monkeypatch.delenv(modules.cases.LARGE, raising=False)
    with pytest.raises(NotImplementedError, match="set VILLANI_BENCH_LARGE=1"):
        setup("gpt-neo-125m", "reverse", "cpu")
    monkeypatch.setenv(modules.cases.LARGE, "1")
    monkeypatch.setattr(modules.cases, "memory_bytes", lambda device: 9 * 2**30)
    with pytest.raises(NotImplementedError, match="gpt-neo-125m needs 10 GiB on cpu"):
        setup("gpt-neo-125m", "reverse", "cpu")
    monkeypatch.setattr(modules.cases, "memory_bytes", lambda device: 10 * 2**30)
    setup("gpt-neo-125m", "reverse", "cpu")


def test_peak_memory_is_not_the_parents(modules: SimpleNamespace) -> None:
    # 1.5 GiB touched here; a fresh process with torch, transformers and 822 parameters holds well under 1 GiB.
    held = torch.ones(3 * 2**26, dtype=torch.float64)
    result = modules.hutchinson.in_fresh_process(*TINY_CPU)
    assert held.sum() == 3 * 2**26
    assert 2**26 < result["peak_memory_bytes"] < 2**30
    assert len(result["forms"]) == modules.cases.CASES["gpt-neo-tiny"].num_probes


def test_a_failing_child_is_reported(modules: SimpleNamespace) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)peak_memory nowhere reverse cpu: exit status 1: .*Error: .*nowhere"):
        modules.hutchinson.in_fresh_process("nowhere", "reverse", "cpu")


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    if importlib.util.find_spec("asv") is None:
        pytest.skip("asv is not installed")
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    clone = tmp_path / "clone"
    for name in ("villani_verify", "asv_bench"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__", ".asv"))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ASV_"))}
    # asv keeps its description of the machine in the home folder.
    env = kept | {"HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": os.devnull, "ASV_PYTHONPATH": str(clone), "OMP_NUM_THREADS": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "test", f"GIT_{who}_EMAIL": "test@example.org"}
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "copy"]):
        subprocess.run(["git", *command], cwd=clone, env=env, check=True, timeout=60)
    return clone / "asv_bench", env


def run_asv(repository: tuple[Path, dict[str, str]], *arguments: str) -> str:
    folder, env = repository
    command = [sys.executable, "-m", "asv", *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_asv_measures_and_saves_the_tiny_landscape(repository: tuple[Path, dict[str, str]]) -> None:
    run_asv(repository, "machine", "--yes", "--machine", "here")
    assert "No problems found" in run_asv(repository, "check")
    run_asv(
        repository, "run", "--quick", "--set-commit-hash", "HEAD", "--machine", "here", "--bench", "gpt-neo-tiny', 'reverse', 'cpu'"
    )
    (saved,) = (repository[0] / ".asv" / "results" / "here").glob("*-existing-*.json")
    content = json.loads(saved.read_text())
    measured = {}
    for name, row in content["results"].items():
        values, params = row[0], dict(zip(content["result_columns"], row, strict=False))["params"]
        # null is a failure, NaN what was skipped or not selected.
        assert None not in (values or [None]), f"{name} failed: {row}"
        measured[name.rsplit(".", 1)[1]] = [value for value in values if not math.isnan(value)]
        assert len(values) in (1, math.prod(map(len, params)))
    assert sorted(measured) == ["track_peak_memory_bytes", "track_seconds_per_probe", "track_seconds_per_sample"]
    for values in measured.values():
        assert len(values) == 1
        assert values[0] > 0
