"""Every matrix behind samples is symmetric, has the trace ΔL, and gives the samples and quadratic forms of the engines."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from villani_verify.curvature import hessian_form, sample_form
from villani_verify.curvature.engine import ENGINES, engine_for
from villani_verify.curvature.exact import exact_laplacian
from villani_verify.curvature.hessian_form import HessianForm
from villani_verify.curvature.sample_form import SampleForm
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

F64 = torch.float64


def zoo(name: str, length: int, sequences: int = 2) -> Landscape:
    return LandscapeRequest(landscape=name, sequences=sequences, sequence_length=length).load()


def in_batches_of_one(name: str) -> Landscape:
    """Other rows of the embeddings are looked up in each batch."""
    whole = zoo(name, 4, sequences=3)
    return Landscape.causal_lm(whole.loss_function.model, whole.batches[0], sequences_per_batch=1).at(whole.initial)


class Gathered(nn.Module):
    """A matrix whose rows are looked up and which is also used whole."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.linspace(-1, 1, 12, dtype=F64).reshape(4, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(nn.functional.embedding(x, self.w)).sum(1) * torch.cos(self.w).sum()


def gathered() -> Landscape:
    x = torch.tensor([[0, 2], [3, 2]])
    return Landscape.from_module(Gathered(), lambda out, target: out.square().mean(), [(x, x)])


class Twice(nn.Module):
    """A matrix that is scaled once and then met twice, so that what it is multiplied with depends on it."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([[0.6, 0.3], [-0.2, 0.5]], dtype=F64))

    def forward(self, x: Tensor) -> Tensor:
        scaled = 2 * self.w
        return torch.sin(x @ scaled) @ scaled


def twice() -> Landscape:
    x = torch.tensor([[1.0, 2.0], [0.5, -1.0], [1.0, 1.0]], dtype=F64)
    return Landscape.from_module(Twice(), lambda out, target: (out - 1).square().mean(), [(x, x)])


LANDSCAPES: dict[str, Callable[[], Landscape]] = {
    "gpt-neo, few tokens": lambda: zoo("gpt-neo-tiny", 4, 1),
    "gpt-neo, many tokens": lambda: zoo("gpt-neo-tiny", 12),
    "gpt2": lambda: zoo("gpt2-tiny", 4),
    "llama": lambda: zoo("llama-tiny", 4, 1),
    "gpt2 in three batches": lambda: in_batches_of_one("gpt2-tiny"),
    # Three tokens are at most half the six features of the tied head, so that noise stands in for its direction.
    "gpt-neo, three tokens": lambda: zoo("gpt-neo-tiny", 3, 1),
    "gpt2, three tokens": lambda: zoo("gpt2-tiny", 3, 1),
    "gathered": gathered,
    "twice": twice,
}
FORMS = {"samples": SampleForm, "hessian": HessianForm}


@pytest.fixture(scope="module", params=[(f, name) for f in FORMS for name in LANDSCAPES], ids=lambda p: " ".join(p))
def case(request):
    landscape = LANDSCAPES[request.param[1]]()
    return landscape, FORMS[request.param[0]](landscape, landscape.initial)


def dense(form) -> Tensor:
    return form.products(torch.eye(form.size, dtype=F64))


def test_it_is_symmetric_and_its_trace_is_the_laplacian(case) -> None:
    landscape, form = case
    matrix = dense(form)
    assert torch.allclose(matrix, matrix.T, rtol=1e-9, atol=1e-10 * float(matrix.abs().max()))
    exact = exact_laplacian(landscape, landscape.initial)
    scale = float(matrix.diagonal().abs().sum())
    # Not only on average: the terms that samples leave out have no diagonal.
    assert abs(float(matrix.trace()) - exact) < 1e-11 * scale
    assert abs(sum(form.forms(torch.eye(form.size, dtype=F64))) - exact) < 1e-11 * scale


def test_forms_are_those_of_the_matrix(case) -> None:
    _, form = case
    z = torch.randn(3, form.size, generator=torch.Generator().manual_seed(0), dtype=F64)
    expected = torch.einsum("ki,ij,kj->k", z, dense(form), z).tolist()
    assert form.forms(z) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_forms_of_signs_are_the_samples_of_the_engine(case) -> None:
    landscape, form = case
    engine = engine_for("taylor" if isinstance(form, SampleForm) else "reverse")
    expected = engine.laplacian_samples(landscape, landscape.initial, seed=7, indices=[4, 0, 9])
    same = form.forms(form.signs(7, [4, 0, 9])) == pytest.approx(expected, rel=1e-9)
    # Where noise stands for a direction, z has other signs than a sample draws.
    assert same == (isinstance(form, HessianForm) or not form._vectors._noise)


def test_noise_has_an_address_of_its_own_in_every_batch() -> None:
    landscape = in_batches_of_one("gpt2-tiny")
    vectors = SampleForm(landscape, landscape.initial)._vectors
    drawn, other = (vectors.parts(vectors.signs(seed, [4, 9])).noise for seed in (3, 5))
    name = next(name for name, place in drawn if place == 1)
    assert not torch.equal(drawn[name, 0], drawn[name, 1])
    assert not torch.equal(drawn[name, 0], other[name, 0])
    assert not torch.equal(drawn[name, 0][0], drawn[name, 0][1])
    again = vectors.parts(vectors.signs(3, [9])).noise
    assert all(torch.equal(again[key][0], drawn[key][1]) for key in drawn)
    assert set(drawn[name, 0].unique().tolist()) == {-1.0, 1.0}


def test_passes_do_not_change_it(case, monkeypatch: pytest.MonkeyPatch) -> None:
    _, form = case
    z = form.signs(1, range(5))
    whole = form.products(z), form.forms(z)
    monkeypatch.setattr(form, "_per_pass", 2)
    assert torch.allclose(form.products(z), whole[0], rtol=1e-10, atol=1e-12)
    assert form.forms(z) == pytest.approx(whole[1], rel=1e-10)


def test_few_tokens_need_fewer_numbers_than_there_are_parameters() -> None:
    landscape = zoo("gpt-neo-tiny", 4, 1)
    assert SampleForm(landscape, landscape.initial).size < landscape.dimension == HessianForm(landscape, landscape.initial).size


def test_vectors_that_do_not_fit_go_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sample_form, hessian_form):
        name = "_NUMBERS_PER_PASS" if module is sample_form else "NUMBERS_PER_PASS"
        monkeypatch.setattr(module, name, 1)
    landscape = zoo("gpt-neo-tiny", 4, 1)
    assert [F(landscape, landscape.initial)._per_pass for F in FORMS.values()] == [1, 1]


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_has_one(name: str) -> None:
    landscape = gathered()
    form = engine_for(name).trace_form(landscape, landscape.initial)
    assert isinstance(form, SampleForm if name in ("auto", "taylor") else HessianForm)
    assert float(dense(form).trace()) == pytest.approx(exact_laplacian(landscape, landscape.initial), rel=1e-11)


def test_a_loss_without_second_derivatives() -> None:
    landscape = Landscape.from_function(lambda t: t.abs().sum() * 0 + 3 + t.sum() * 0, 3)
    for form in (SampleForm(landscape, landscape.initial), HessianForm(landscape, landscape.initial)):
        z = form.signs(0, range(2))
        assert form.forms(z) == [0.0, 0.0]
        assert not form.products(z).any()
