from __future__ import annotations

import math

import pytest
import torch

from villani_verify.curvature.probes import normals
from villani_verify.landscape import Landscape
from villani_verify.landscapes.architectures import gpt2_tiny, gpt_neo_tiny, llama_tiny
from villani_verify.landscapes.dtype_audit import audit_dtype
from villani_verify.landscapes.zoo.transformers import TRANSFORMERS, transformer_landscape

TOKENS = torch.arange(24).reshape(2, 12) % 7


def stock_gpt_neo() -> torch.nn.Module:
    model = gpt_neo_tiny()
    for module in model.modules():
        vars(module).pop("_attn", None)
    return model


def library_loss(model: torch.nn.Module) -> Landscape:
    """The library's own loss of a model, which casts the logits to float32."""

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.model(tokens, labels=tokens, use_cache=False).loss

    return Landscape.from_module(Wrapped(), lambda loss, _: loss, [(TOKENS, TOKENS)])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("build", [gpt_neo_tiny, gpt2_tiny, llama_tiny])
def test_clean_float64_passes(build, seed) -> None:
    audit = audit_dtype(Landscape.causal_lm(build(), TOKENS, weight_decay=0.1), seed=seed)
    assert audit.passed, audit
    assert audit.dtype == "float64"
    assert audit.best_relative_error < 1e-7
    at_1e6 = audit.errors[audit.steps.index(pytest.approx(1e-6))]
    # Rounding of L ≈ 2 in float64, divided by h = 1e-6, is 4e-10; a network has a few such errors.
    assert at_1e6 < 1e-8


@pytest.mark.parametrize("seed", range(5))
def test_stock_gpt_neo_is_not_float64(seed: int) -> None:
    audit = audit_dtype(Landscape.causal_lm(stock_gpt_neo(), TOKENS, weight_decay=0.1), seed=seed)
    assert not audit.passed, audit
    assert max(audit.errors[-2:]) > 1e-4, audit


@pytest.mark.parametrize("build", [gpt_neo_tiny, gpt2_tiny, llama_tiny])
def test_the_library_s_own_loss_is_not_float64(build) -> None:
    audit = audit_dtype(library_loss(build()))
    assert not audit.passed, audit


def test_errors_are_the_truncation_until_rounding() -> None:
    """L = Σ exp θ: along v, L‴ = Σ v³ exp θ, so h² L‴ / 6 is known; the next term is smaller by h²."""
    landscape = Landscape.from_function(lambda x: x.exp().sum(), 4, initial=torch.zeros(4, dtype=torch.float64))
    audit = audit_dtype(landscape, seed=3)
    v = normals("theta", (4,), seed=3, index=0, like=landscape.initial["theta"])
    third = float((v / v.norm()).pow(3).sum())
    assert audit.passed
    assert audit.steps[0] == 1e-2
    assert audit.errors[0] == pytest.approx(1e-4 * abs(third) / 6, rel=1e-3)
    assert audit.errors[1] == pytest.approx(1e-6 * abs(third) / 6, rel=1e-3)
    assert audit.derivative == pytest.approx(float(v.sum() / v.norm()), rel=1e-14)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_one_cast_in_a_plain_function_is_found(precision: torch.dtype) -> None:
    def with_cast(x: torch.Tensor) -> torch.Tensor:
        return (x[:2].to(precision).to(x.dtype) + 2).square().sum() + x[2:].square().sum()

    start = torch.full((4,), 1 / 3, dtype=torch.float64)
    assert not audit_dtype(Landscape.from_function(with_cast, 4, initial=start)).passed
    assert audit_dtype(Landscape.from_function(lambda x: (x + 2).square().sum(), 4, initial=start)).passed


def test_half_precision_inside_float32_is_found() -> None:
    start = torch.linspace(-1, 1, 50)
    for seed in range(5):
        assert audit_dtype(Landscape.from_function(lambda x: x.exp().sum(), 50, initial=start), seed=seed).passed
        cast = Landscape.from_function(lambda x: x.exp().bfloat16().float().sum(), 50, initial=start)
        assert not audit_dtype(cast, seed=seed).passed


def test_a_constant_loss_passes() -> None:
    audit = audit_dtype(Landscape.from_function(lambda x: 0 * x.sum(), 3))
    assert audit.passed
    assert audit.derivative == 0
    assert math.isfinite(audit.best_relative_error)


def test_the_trained_small_model_passes_in_both_dtypes() -> None:
    landscape = transformer_landscape(TRANSFORMERS["gpt-neo-small"], sequences=1)
    assert audit_dtype(landscape).passed
    assert audit_dtype(landscape.to(dtype=torch.float64)).passed
