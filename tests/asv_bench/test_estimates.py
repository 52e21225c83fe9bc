from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest

from villani_verify.curvature import engine
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.estimation import adaptive

Bench = Callable[[str], ModuleType]


def test_hutch_plus_plus_reaches_one_percent_on_the_tiny_model(bench: Bench) -> None:
    assert 0 < bench("estimates").ToOnePercent().track_seconds("gpt-neo-tiny", "hutch++", "cpu") < 600


def test_an_estimate_that_gave_up_gets_no_figure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    estimates = bench("estimates")
    monkeypatch.setattr(estimates, "MOST_SAMPLES", 50)
    with pytest.raises(bench("accuracy").InaccurateEngineError, match="is not known to 1%; allow more samples"):
        estimates.ToOnePercent().track_seconds("gpt-neo-tiny", "hutchinson", "cpu")


def test_a_biased_method_gets_no_figure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = adaptive.laplacian_to_relative_error
    monkeypatch.setattr(adaptive, "laplacian_to_relative_error", lambda *args, **kwargs: real(*args, **kwargs).shifted(100.0))
    with pytest.raises(bench("accuracy").InaccurateEngineError, match="mend the method"):
        bench("estimates").ToOnePercent().track_seconds("gpt-neo-tiny", "hutch++", "cpu")


def test_efficiency_is_time_times_relative_variance(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Known(DoubleBackward):
        """Samples 10 ± 1, whose mean of 256 has a relative standard error of 1/160."""

        def laplacian_samples(self, *args: object, indices: range, **kwargs: object) -> list[float]:
            return [10.0 + (-1) ** k for k in indices]

    monkeypatch.setattr(engine, "engine_for", lambda name: Known())
    monkeypatch.setattr(bench("accuracy"), "check_samples", lambda *args, **kwargs: None)
    ticks = iter(range(0, 1000, 4))
    monkeypatch.setattr(bench("clock"), "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    found = bench("estimates").Efficiency().track_seconds_times_squared_error("gpt-neo-tiny", "reverse", "cpu")
    assert found == pytest.approx(4.0 * (256 / 255) / 256 / 100)


def test_wrong_samples_get_no_figure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shifted(DoubleBackward):
        def laplacian_samples(self, *args: object, **kwargs: object) -> list[float]:
            return [q + 200 for q in super().laplacian_samples(*args, **kwargs)]  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "engine_for", lambda name: Shifted())
    with pytest.raises(bench("accuracy").InaccurateEngineError):
        bench("estimates").Efficiency().track_seconds_times_squared_error("gpt-neo-tiny", "reverse", "cpu")
