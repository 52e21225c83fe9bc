"""The cost of a probe of the Laplacian, vᵀ∇²L v: seconds, forward passes and peak memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cases import CASES, DEVICES, DTYPES, ENGINES, SEED, load, skip_unless_possible
from .child import measured
from .clock import median_ratio, median_seconds


class _Hutchinson:
    # The same on every machine: what a machine cannot do it skips, so that results stay comparable.
    params = (list(CASES), list(ENGINES), list(DEVICES), list(DTYPES))
    param_names = ("landscape", "engine", "device", "dtype")
    timeout = 1800.0

    def setup(self, landscape: str, engine: str, device: str, dtype: str) -> None:
        """Skip what this machine cannot do."""
        skip_unless_possible(landscape, device, dtype)


class HutchinsonTime(_Hutchinson):
    """Wall-clock time, each after a call that is checked for accuracy."""

    def track_seconds_per_probe(self, landscape: str, engine: str, device: str, dtype: str) -> float:
        """Return the median time of a quadratic form."""
        forms, _ = checked_forms(landscape, engine, device, dtype)
        return median_seconds(forms, device, repeats=CASES[landscape].repeats) / CASES[landscape].probes_on(device, engine)

    track_seconds_per_probe.unit = "seconds"

    def track_seconds_per_sample(self, landscape: str, engine: str, device: str, dtype: str) -> float:
        """Return the median time of a sample of the Laplacian, of which estimates are made."""
        samples, _ = checked_samples(landscape, engine, device, dtype)
        return median_seconds(samples, device, repeats=CASES[landscape].repeats) / CASES[landscape].probes_on(device, engine)

    track_seconds_per_sample.unit = "seconds"

    def track_forward_passes_per_sample(self, landscape: str, engine: str, device: str, dtype: str) -> float:
        """Return the time of a sample over that of the loss alone, in turn; three matrix products for each one would be 3."""
        samples, loaded = checked_samples(landscape, engine, device, dtype)
        ratio = median_ratio(samples, lambda: loaded.loss(loaded.initial), device, repeats=CASES[landscape].repeats)
        return ratio / CASES[landscape].probes_on(device, engine)

    track_forward_passes_per_sample.unit = "forward passes"


class HutchinsonMemory(_Hutchinson):
    """Peak memory of a fresh process that loads the landscape and computes the same probes once."""

    def track_peak_host_bytes(self, landscape: str, engine: str, device: str, dtype: str) -> int:
        """Return the most that was resident, the interpreter and its libraries included."""
        return peaks(landscape, engine, device, dtype)["host"]

    track_peak_host_bytes.unit = "bytes"


class HutchinsonDeviceMemory(_Hutchinson):
    """The same for the memory of a GPU."""

    def setup(self, landscape: str, engine: str, device: str, dtype: str) -> None:
        """Skip what this machine cannot do, and processors."""
        if device == "cpu":
            raise NotImplementedError("the host is the device")
        super().setup(landscape, engine, device, dtype)

    def track_peak_device_bytes(self, landscape: str, engine: str, device: str, dtype: str) -> int:
        """Return the most that tensors held on the GPU."""
        return peaks(landscape, engine, device, dtype)["device"]

    track_peak_device_bytes.unit = "bytes"


def checked_forms(landscape: str, engine: str, device: str, dtype: str) -> tuple[Callable[[], Any], Any]:
    """Return a call that computes the quadratic forms of a case, after the check, and the landscape."""
    from villani_verify.curvature.engine import engine_for

    from .accuracy import check_forms

    loaded = load(landscape, device, dtype)
    indices = range(CASES[landscape].probes_on(device, engine))
    compute = engine_for(engine).quadratic_forms
    check_forms(compute(loaded, loaded.initial, seed=SEED, indices=indices), loaded, seed=SEED)
    return lambda: compute(loaded, loaded.initial, seed=SEED, indices=indices), loaded


def checked_samples(landscape: str, engine: str, device: str, dtype: str) -> tuple[Callable[[], Any], Any]:
    """Return a call that draws the samples of a case, after the check, and the landscape."""
    from villani_verify.curvature.engine import engine_for

    from .accuracy import NUM_SAMPLES, check_samples

    loaded = load(landscape, device, dtype)
    compute = engine_for(engine).laplacian_samples
    check_samples(compute(loaded, loaded.initial, seed=SEED + 1, indices=range(NUM_SAMPLES)), loaded, seed=SEED)
    return lambda: compute(loaded, loaded.initial, seed=SEED, indices=range(CASES[landscape].probes_on(device, engine))), loaded


def peaks(landscape: str, engine: str, device: str, dtype: str) -> dict[str, int]:
    """Return the peaks of a fresh process in bytes, if its forms are accurate."""
    from .accuracy import check_forms

    found = measured("peak_memory", landscape, engine, device, dtype)
    check_forms(found["forms"], load(landscape, device, dtype), seed=SEED)
    return {"host": int(found["host"]), "device": int(found["device"])}
