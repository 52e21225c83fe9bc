"""What an accurate Laplacian costs, error and time together: a faster sample of larger spread is no gain."""

from __future__ import annotations

import statistics
from typing import Any

from .cases import CASES, DEVICES, ENGINES, SEED, load, skip_unless_possible
from .clock import seconds_of

METHODS = ("hutchinson", "hutch++")
STUDENT_T = 1.96
"""An interval of ± 1.96 % at 95 % of many samples is a standard error of 1 %."""
MOST_SAMPLES = 200_000


class ToOnePercent:
    """The Laplacian of the loss to a standard error of 1 %, the stopping rule's own looks included."""

    params = (["gpt-neo-tiny", "gpt-neo-small"], list(METHODS), list(DEVICES))
    param_names = ("landscape", "method", "device")
    timeout = 1800.0

    def setup(self, landscape: str, method: str, device: str) -> None:
        """Skip what this machine cannot do."""
        skip_unless_possible(landscape, device)

    def track_seconds(self, landscape: str, method: str, device: str) -> float:
        """Return the time of one estimate, checked against reverse mode's quadratic forms."""
        from villani_verify.curvature.engine import engine_for
        from villani_verify.estimation.adaptive import laplacian_to_relative_error

        from .accuracy import check_estimate

        loaded = load(landscape, device)
        engine = engine_for("taylor")
        engine.laplacian_samples(loaded, loaded.initial, seed=SEED, indices=range(CASES[landscape].num_probes))  # exports
        found: list[Any] = []

        def estimate() -> None:
            found.append(
                laplacian_to_relative_error(
                    loaded, loaded.initial, engine=engine, target=0.01 * STUDENT_T, seed=SEED + 1, method=method,
                    max_samples=MOST_SAMPLES,
                )
            )  # fmt: skip

        seconds = seconds_of(estimate, device)
        check_estimate(found[0], loaded, seed=SEED, relative=0.01)
        return seconds

    track_seconds.unit = "seconds"


class Efficiency:
    """Seconds × error²: does not depend on the number of samples, and falls by four where the same time gives half the error."""

    params = (["gpt-neo-tiny", "gpt-neo-small"], list(ENGINES), list(DEVICES))
    param_names = ("landscape", "engine", "device")
    timeout = 1800.0
    SAMPLES = 256

    def setup(self, landscape: str, engine: str, device: str) -> None:
        """Skip what this machine cannot do."""
        skip_unless_possible(landscape, device)

    def track_seconds_times_squared_error(self, landscape: str, engine: str, device: str) -> float:
        """Return the time of samples times the squared standard error, relative to the Laplacian, of their mean."""
        from villani_verify.curvature.engine import engine_for

        from .accuracy import check_samples

        loaded = load(landscape, device)
        compute = engine_for(engine).laplacian_samples
        compute(loaded, loaded.initial, seed=SEED, indices=range(CASES[landscape].num_probes))  # exports
        samples: list[float] = []
        seconds = seconds_of(
            lambda: samples.extend(compute(loaded, loaded.initial, seed=SEED + 1, indices=range(self.SAMPLES))), device
        )
        check_samples(samples[:16], loaded, seed=SEED)
        return seconds * statistics.variance(samples) / self.SAMPLES / statistics.fmean(samples) ** 2

    track_seconds_times_squared_error.unit = "seconds × relative error²"
