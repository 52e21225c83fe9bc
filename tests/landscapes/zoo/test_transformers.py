from __future__ import annotations

import os

import pytest
import torch
from torch.func import grad, jvp, vmap

from villani_verify.corpora import load_tokenizer
from villani_verify.corpora.embedded import embedded_entropy_rate, embedded_text
from villani_verify.curvature.probe_signs import probe_of
from villani_verify.errors import RequestError, TextError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.zoo import CRITERION_NAMES
from villani_verify.landscapes.zoo.transformers import (
    SMALL_WEIGHTS,
    TRANSFORMER_ENTRIES,
    TRANSFORMERS,
    transformer_landscape,
)

# The 125M model has its own test, as it takes memory.
LIGHT = [name for name in TRANSFORMERS if name != "gpt-neo-125m"]


def make(name: str, **options: object) -> Landscape:
    return transformer_landscape(TRANSFORMERS[name], **options)


def test_names_and_expected_verdicts() -> None:
    expected = {entry.name: entry.expected for entry in TRANSFORMER_ENTRIES}
    assert list(expected) == list(TRANSFORMERS)
    refuted = {name: {c for c in CRITERION_NAMES if expected[name][c] == "refuted"} for name in expected}
    uniform = {"differential_growth_uniform"}
    assert refuted == {
        "gpt-neo-tiny": uniform,
        "gpt-neo-tiny-relu": uniform | {"smoothness"},
        "gpt-neo-tiny-undecayed-norms": uniform | {"quadratic_growth", "gaussian_tails"},
        "gpt-neo-tiny-ambiguous": uniform,
        "gpt-neo-small": uniform,
        "gpt-neo-125m": uniform,
        "gpt2-tiny": uniform,
        "llama-tiny": uniform,
    }


@pytest.mark.parametrize("name", LIGHT)
def test_the_landscape_is_one_and_repeats(name: str) -> None:
    landscape = make(name)
    spec = TRANSFORMERS[name]
    assert landscape.name == name
    assert landscape.check() > 0
    assert landscape.loss(landscape.initial) == make(name).loss(landscape.initial)
    assert landscape.batches[0].shape == (spec.sequences, spec.sequence_length)
    assert set(landscape.decay.values()) == ({0.0, 0.1} if spec.no_decay else {0.1})
    assert landscape.expected == spec.entry.expected
    assert spec.entry.make(sequences=1).batches[0].shape == (1, spec.sequence_length)


def test_undecayed_norms_are_the_one_dimensional_tensors() -> None:
    landscape = make("gpt-neo-tiny-undecayed-norms")
    assert set(landscape.undecayed) == {n for n, t in landscape.initial.items() if t.dim() == 1}


@pytest.mark.parametrize("name", ["gpt-neo-tiny", "gpt2-tiny", "llama-tiny"])
def test_dimension_is_below_three_thousand(name: str) -> None:
    assert make(name).dimension < 3000


@pytest.mark.parametrize("name", LIGHT)
def test_second_derivatives_agree_by_every_route(name: str) -> None:
    """Double backward, forward over reverse, and vectorised over probes and points."""
    landscape = make(name, sequences=2)
    point, batch = landscape.initial, landscape.batches[0]
    v = probe_of(point, seed=0, index=0)

    def loss(p):
        return landscape.loss_function(p, batch)

    def form(p, w):
        return sum((h * w[n]).sum() for n, h in jvp(grad(loss), (p,), (w,))[1].items())

    leaves = {n: t.clone().requires_grad_() for n, t in point.items()}
    gradient = torch.autograd.grad(loss(leaves), list(leaves.values()), create_graph=True)
    slope = sum((g * v[n]).sum() for g, n in zip(gradient, leaves, strict=True))
    product = torch.autograd.grad(slope, list(leaves.values()))
    double = sum((h * v[n]).sum() for h, n in zip(product, leaves, strict=True))

    # vᵀHv is a sum of d terms of either sign. Their rounding in float32 is 1e-7 of the sum of their magnitudes.
    scale = float(sum((h * v[n]).abs().sum() for h, n in zip(product, leaves, strict=True)))
    tolerance = {"rtol": 0, "atol": scale * (1e-11 if landscape.dtype == torch.float64 else 1e-5)}
    torch.testing.assert_close(form(point, v), double, **tolerance)
    stacked = {n: torch.stack([t, -t]) for n, t in v.items()}
    torch.testing.assert_close(vmap(lambda w: form(point, w))(stacked), double.expand(2), **tolerance)
    points = {n: torch.stack([t, 2 * t]) for n, t in point.items()}
    one_by_one = torch.stack([loss(point), loss({n: 2 * t for n, t in point.items()})])
    torch.testing.assert_close(vmap(loss)(points), one_by_one, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", LIGHT)
def test_the_graph_exports(name: str) -> None:
    landscape = make(name)
    model, batch = landscape.loss_function.model, landscape.batches[0]
    exported = torch.export.export(model, (batch,), {"use_cache": False}, strict=False).module()
    with torch.no_grad():
        ours = model(batch, use_cache=False).logits
        torch.testing.assert_close(exported(batch, use_cache=False).logits, ours, rtol=1e-5, atol=1e-5)


def test_the_small_model_was_trained_on_the_embedded_text() -> None:
    """On rows it has not seen its loss is near the entropy rate, far from the log 256 = 5.5 of a model at random."""
    landscape = make("gpt-neo-small", text=embedded_text(400, seed=99), sequences=40, sequence_length=256)
    loss = landscape.loss(landscape.initial)
    # No predictor beats the entropy rate; 40 rows of some 30 choices each leave a standard error of about 2 %.
    assert 0.94 * embedded_entropy_rate() < loss < 1.15 * embedded_entropy_rate()


def test_the_small_model_ships_in_two_megabytes_without_pickles() -> None:
    files = {path.name: path.stat().st_size for path in SMALL_WEIGHTS.iterdir()}
    assert set(files) == {"config.json", "model.safetensors"}
    assert sum(files.values()) <= 2_000_000


def test_text_tokenizer_and_decay_can_be_replaced() -> None:
    landscape = make(
        "gpt-neo-small",
        text="aab 7." * 20,
        tokenizer=load_tokenizer("classes"),
        sequences=2,
        sequence_length=6,
        weight_decay=0.5,
        no_decay=["*.bias"],
    )
    assert torch.equal(landscape.batches[0], torch.tensor([[0, 0, 1, 3, 5, 4]] * 2))
    assert set(landscape.decay.values()) == {0.0, 0.5}
    assert landscape.expected["quadratic_growth"] == "refuted"
    assert make("gpt-neo-tiny-undecayed-norms", no_decay=[]).expected["quadratic_growth"] == "supported"


def test_nothing_is_expected_without_any_decay() -> None:
    assert make("gpt-neo-tiny", weight_decay=0.0).expected == {}


def test_requests_that_do_not_fit() -> None:
    with pytest.raises(
        RequestError, match=r"^sequence length 17: GPTNeoForCausalLM has only 16 positions; use --sequence-length 16"
    ):
        make("gpt-neo-tiny", sequence_length=17)
    with pytest.raises(RequestError, match=r"^sequence length: 1 is not at least 2"):
        make("gpt-neo-tiny", sequence_length=1)
    with pytest.raises(RequestError, match=r"^number of sequences: 0"):
        make("gpt-neo-tiny", sequences=0)
    with pytest.raises(TextError, match=r"'bytes' of the wrong size: it has 256 tokens, but the model knows 7"):
        make("gpt-neo-tiny", tokenizer=load_tokenizer("bytes"))
    with pytest.raises(TextError, match=r"^text: 5 tokens by tokenizer 'classes', but 4 × 12 = 48 are needed"):
        make("gpt-neo-tiny", text="short")
    with pytest.raises(RequestError, match=r"^weight decay: -1.0 is not a finite number"):
        make("gpt-neo-tiny", weight_decay=-1.0)
    with pytest.raises(RequestError, match=r"^no-decay pattern 'nothing'"):
        make("gpt-neo-tiny", no_decay=["nothing"])


@pytest.mark.skipif(
    os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 4e9, reason="a landscape of 125 million parameters takes 1.5 GB"
)
def test_125m_as_a_landscape() -> None:
    landscape = make("gpt-neo-125m", sequence_length=16)
    assert landscape.dimension == 125_198_592
    # At random, with hidden states of norm about √768 and rows of norm 0.02√768, the logits have deviation near 0.55.
    assert 10.5 < landscape.loss(landscape.initial) < 11.5
