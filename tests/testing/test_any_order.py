"""The state machine of properties/test_any_order.py finds estimators whose answer depends on the order of work."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from villani_verify import Landscape
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.estimation.probe_samples import ProbeSamples
from villani_verify.testing.tolerances import tolerance_for

PATH = Path(__file__).resolve().parents[2] / "properties" / "test_any_order.py"
SPEC = importlib.util.spec_from_file_location("any_order", PATH)
assert SPEC is not None
assert SPEC.loader is not None
any_order = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(any_order)

SEARCH = settings(
    max_examples=60, derandomize=True, database=None, deadline=None, phases=[Phase.generate], stateful_step_count=20,
    report_multiple_bugs=False, suppress_health_check=(),
)  # fmt: skip


def wavy(batches: int = 1) -> Landscape:
    data = torch.linspace(-1, 1, 4, dtype=torch.float64).reshape(4, 1)
    module = torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).double()
    torch.manual_seed(0)
    for p in module.parameters():
        torch.nn.init.normal_(p)
    return Landscape.from_module(
        module, torch.nn.functional.mse_loss, [(data, data.sin())], weight_decay=0.1, weights=[4.0], name="wavy"
    )


def run(way: str) -> None:
    landscape = wavy()
    run_state_machine_as_test(lambda: any_order.EstimatorMachine(landscape, way, tolerance_for(torch.float64)), settings=SEARCH)


@pytest.mark.parametrize("way", any_order.WAYS)
def test_the_estimator_passes(way: str) -> None:
    run(way)


class Streamed(DoubleBackward):
    """Probe k of a pass is the k-th of a stream, whatever was asked for."""

    def laplacian_samples(self, landscape, point, *, seed: int, indices: Sequence[int]) -> list[float]:
        return super().laplacian_samples(landscape, point, seed=seed, indices=range(len(indices)))


class Rounded(DoubleBackward):
    """Sums over a pass leave a trace of the others in each sample, in the last digits."""

    def laplacian_samples(self, landscape, point, *, seed: int, indices: Sequence[int]) -> list[float]:
        samples = super().laplacian_samples(landscape, point, seed=seed, indices=indices)
        return [x * (1 + len(samples) * 2e-16) for x in samples]


class OneSeed(DoubleBackward):
    """The seed is left out of the address."""

    def laplacian_samples(self, landscape, point, *, seed: int, indices: Sequence[int]) -> list[float]:
        return super().laplacian_samples(
            landscape, point, seed=0 if len(indices) < any_order.PROBES_A_SEED else seed, indices=indices
        )


@pytest.mark.parametrize("engine", [Streamed(), Rounded(), OneSeed()], ids=lambda engine: type(engine).__name__)
def test_an_engine_that_depends_on_the_order_is_found(monkeypatch: pytest.MonkeyPatch, engine: DoubleBackward) -> None:
    monkeypatch.setitem(any_order.WAYS, "planted", (engine, True, True))
    with pytest.raises(AssertionError, match="with all at once"):
        run("planted")


def without_overlap_check(self: ProbeSamples, *others: ProbeSamples) -> ProbeSamples:
    samples = dict(self.samples)
    for other in others:
        samples |= other.samples
    return ProbeSamples(self.subject, self.devices, samples)


def in_few_digits(self: ProbeSamples, *, whole: Callable = ProbeSamples.as_dict) -> dict:
    saved = whole(self)
    return {**saved, "samples": [[seed, k, f"{float(x):.12g}"] for seed, k, x in saved["samples"]]}


@pytest.mark.parametrize(("name", "broken"), [("merged", without_overlap_check), ("as_dict", in_few_digits)])
def test_a_merge_or_a_saved_state_that_loses_something_is_found(monkeypatch: pytest.MonkeyPatch, name: str, broken) -> None:
    monkeypatch.setattr(ProbeSamples, name, broken)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run("reverse")
