"""The cost of a Hutchinson probe, vᵀ∇²L v: seconds and peak memory by landscape, engine and device."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import villani_verify
from villani_verify.curvature.engine import engine_for
from villani_verify.landscape import Landscape

from .accuracy import NUM_SAMPLES, check_forms, check_samples
from .cases import CASES, DEVICES, ENGINES, SEED, Case, load, skip_unless_possible


class _Hutchinson:
    # The same on every machine: what a machine cannot do it skips, so that results stay comparable.
    params = (list(CASES), list(ENGINES), list(DEVICES))
    param_names = ("landscape", "engine", "device")
    timeout = 1800.0

    def setup(self, landscape: str, engine: str, device: str) -> None:
        """Skip what this machine cannot do."""
        skip_unless_possible(landscape, device)


class HutchinsonTime(_Hutchinson):
    """Wall-clock time."""

    unit = "seconds"

    def track_seconds_per_probe(self, landscape: str, engine: str, device: str) -> float:
        """Return that of a quadratic form: the median over repeated calls, after one that is checked for accuracy."""
        loaded = load(landscape, device)
        compute = engine_for(engine).quadratic_forms
        check_forms(compute(loaded, loaded.initial, seed=SEED, indices=range(CASES[landscape].num_probes)), loaded, seed=SEED)
        return seconds_each(compute, loaded, CASES[landscape], device)

    def track_seconds_per_sample(self, landscape: str, engine: str, device: str) -> float:
        """Return that of a sample of the Laplacian, of which estimates are made; likewise."""
        loaded = load(landscape, device)
        compute = engine_for(engine).laplacian_samples
        check_samples(compute(loaded, loaded.initial, seed=SEED + 1, indices=range(NUM_SAMPLES)), loaded, seed=SEED)
        return seconds_each(compute, loaded, CASES[landscape], device)


def seconds_each(compute: Callable[..., list[float]], loaded: Landscape, case: Case, device: str) -> float:
    """Return the median time of a call, divided by its probes."""
    seconds = []
    for _ in range(case.repeats):
        started = time.perf_counter()
        compute(loaded, loaded.initial, seed=SEED, indices=range(case.num_probes))
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) / case.num_probes


class HutchinsonMemory(_Hutchinson):
    """Peak memory of a process that loads the landscape and computes the same probes once."""

    unit = "bytes"

    def track_peak_memory_bytes(self, landscape: str, engine: str, device: str) -> int:
        """Return the peak of a fresh process; the forms it computed are checked for accuracy."""
        result = in_fresh_process(landscape, engine, device)
        check_forms(result["forms"], load(landscape, device), seed=SEED)
        return int(result["peak_memory_bytes"])


def in_fresh_process(landscape: str, engine: str, device: str) -> dict[str, Any]:
    """Return what `peak_memory` prints."""
    command = [sys.executable, "-m", f"{__package__}.peak_memory", landscape, engine, device]
    folder = Path(__file__).resolve().parents[1]
    # asv takes PYTHONPATH out of the environment; the child has to import the very package that is measured here.
    environment = os.environ | {"PYTHONPATH": str(Path(villani_verify.__file__).resolve().parents[1])}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])}: exit status {done.returncode}: {done.stderr.strip()[-500:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))
