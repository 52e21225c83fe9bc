"""Samples of the Laplacian have the right mean, less variance than quadratic forms, and numbers of their own addresses.

Every test of a mean compares 4,096 samples with the exact Laplacian and allows 5 standard errors: a correct estimator
fails one of them with a probability of 6e-7, and seeds are fixed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from villani_verify.curvature import pass_sizes, probe_signs
from villani_verify.curvature.engine import ENGINES, engine_for
from villani_verify.curvature.exact import exact_laplacian
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.curvature.taylor import directions, weighted
from villani_verify.curvature.taylor.program import program_for
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

F64 = torch.float64
ENGINE = SecondOrderTaylor()
COUNT = 4096


def samples(landscape: Landscape, indices: Sequence[int] = range(COUNT), seed: int = 2) -> list[float]:
    return ENGINE.laplacian_samples(landscape, landscape.initial, seed=seed, indices=indices)


def standard_errors(landscape: Landscape, drawn: Sequence[float]) -> float:
    """How many standard errors the mean of samples lies from the exact Laplacian."""
    exact = exact_laplacian(landscape, landscape.initial)
    spread = statistics.stdev(drawn)
    assert spread > 0.01 * abs(exact)  # otherwise this measures rounding
    return abs(statistics.fmean(drawn) - exact) / (spread / len(drawn) ** 0.5)


def zoo(name: str, scale: float = 1.0, sequences: int = 1, length: int = 4) -> Landscape:
    landscape = LandscapeRequest(landscape=name, sequences=sequences, sequence_length=length).load()
    return landscape.at({n: t * scale for n, t in landscape.initial.items()})


@pytest.mark.parametrize(("length", "patterns"), [(4, 2), (12, 2), (12, 96)])
@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize("name", ["gpt-neo-tiny", "gpt2-tiny", "llama-tiny", "gpt-neo-tiny-relu"])
def test_the_mean_is_the_laplacian_of_transformers(
    name: str, scale: float, length: int, patterns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_signs, "PATTERNS", patterns)
    landscape = zoo(name, scale, length=length)
    assert standard_errors(landscape, samples(landscape)) < 5


@pytest.mark.parametrize(
    ("most_stacked", "patterns"), [(1 << 24, 96), (0, 96), (1 << 24, 2)], ids=["stacked", "one by one", "patterns"]
)
@pytest.mark.parametrize("rows", [2, 9])
def test_the_mean_is_the_laplacian_of_a_network(
    rows: int, most_stacked: int, patterns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_signs, "PATTERNS", patterns)
    monkeypatch.setattr(directions, "_MOST_STACKED", most_stacked)
    landscape = network(rows)
    assert standard_errors(landscape, samples(landscape)) < 5


def network(rows: int) -> Landscape:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Linear(5, 6), nn.Tanh(), nn.LayerNorm(6), nn.Linear(6, 6), nn.GELU(), nn.Linear(6, 2, bias=False)
        ).double()
        for p in module.parameters():
            p.data.mul_(2)
    x, y = (torch.randn(rows, k, generator=generator, dtype=F64) for k in (5, 2))
    return Landscape.from_module(module, nn.functional.mse_loss, [(x, y)])


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(2, 3, 2, dtype=F64), nn.Conv1d(3, 2, 2, dtype=F64)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.sin(self.first(x)))


def test_the_mean_is_the_laplacian_of_convolutions() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = Convolutions()
    x = torch.randn(2, 2, 5, generator=torch.Generator().manual_seed(1), dtype=F64)
    landscape = Landscape.from_module(module, lambda out, target: out.square().mean() + out.mean(), [(x, x)])
    assert standard_errors(landscape, samples(landscape)) < 5


def test_several_batches() -> None:
    whole = zoo("gpt2-tiny", 2.0, sequences=3)
    split = Landscape.causal_lm(whole.loss_function.model, whole.batches[0], sequences_per_batch=2).at(whole.initial)
    assert [len(b) for b in split.batches] == [2, 1]
    assert standard_errors(split, samples(split)) < 5


def test_what_is_not_independent_shows_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above would notice: a matrix that is used twice, with its terms left out, gives another mean."""

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.tensor([[0.6, 0.3], [-0.2, 0.5]], dtype=F64))

        def forward(self, x: Tensor) -> Tensor:
            return torch.sin(x @ self.w) @ self.w

    x = torch.tensor([[1.0, 2.0], [0.5, -1.0], [1.0, 1.0]], dtype=F64)
    landscape = Landscape.from_module(Twice(), lambda out, target: (out - 1).square().sum(), [(x, x)])
    assert standard_errors(landscape, samples(landscape)) < 5
    program = program_for(landscape.loss_function, landscape.initial, landscape.batches[0])
    forged = replace(program, independence=replace(program.independence, names=frozenset({"w"})))
    monkeypatch.setattr(weighted, "program_for", lambda *_: forged)
    assert standard_errors(landscape, samples(landscape)) > 10


def test_their_variance_is_not_larger(causal_lm: Callable[[str], Landscape]) -> None:
    for name in ("gpt-neo", "gpt2", "llama"):
        landscape = causal_lm(name)
        forms = ENGINE.quadratic_forms(landscape, landscape.initial, seed=2, indices=range(1024))
        # Two sample variances of 1,024 differ by a factor of 1.2 with a probability of about 2e-3; seeds are fixed.
        assert statistics.variance(samples(landscape, range(1024))) < 1.2 * statistics.variance(forms)


def test_samples_belong_to_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = zoo("gpt-neo-tiny")
    whole = samples(landscape, range(5))
    assert samples(landscape, [4, 2]) == pytest.approx([whole[4], whole[2]], rel=1e-12)
    assert samples(landscape, range(5), seed=3) != pytest.approx(whole, rel=1e-3)
    monkeypatch.setattr(pass_sizes, "_MOST_PROBES_PER_PASS", 2)
    monkeypatch.setattr(pass_sizes, "_NUMBERS_IN_CACHE", 0)
    assert samples(landscape, range(5)) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_has_them(name: str) -> None:
    landscape = network(3)
    drawn = engine_for(name).laplacian_samples(landscape, landscape.initial, seed=1, indices=range(512))
    assert standard_errors(landscape, drawn) < 5
