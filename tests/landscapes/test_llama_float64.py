from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from villani_verify.landscape import Landscape
from villani_verify.landscapes.dtype_audit import audit_dtype
from villani_verify.landscapes.gpt_neo_float64 import keep_float64

TOKENS = torch.arange(24).reshape(2, 12) % 7
SHAPE: dict[str, Any] = {
    "vocab_size": 7, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
    "intermediate_size": 12, "max_position_embeddings": 16, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
}  # fmt: skip
RELATIVES = [LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config]


def stock_model(config_class: type, **options: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config_class(**SHAPE, **options), attn_implementation="eager").eval()
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.5)
    return model


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(TOKENS, use_cache=False).logits


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("config_class", RELATIVES)
def test_same_bits_as_the_library_where_the_library_does_not_lose_any(config_class: type, dtype: torch.dtype) -> None:
    model = stock_model(config_class).to(dtype)
    assert torch.equal(logits(keep_float64(copy.deepcopy(model))), logits(model))


def test_sliding_window_is_kept() -> None:
    model = stock_model(MistralConfig, sliding_window=3)
    kept = keep_float64(copy.deepcopy(model))
    assert torch.equal(logits(kept), logits(model))
    assert not torch.equal(logits(kept), logits(stock_model(MistralConfig, sliding_window=None)))


@pytest.mark.parametrize("config_class", RELATIVES)
def test_the_audit_fails_before_and_passes_after(config_class: type) -> None:
    model = stock_model(config_class).double()
    assert not audit_dtype(Landscape.causal_lm(model, TOKENS)).passed
    assert audit_dtype(Landscape.causal_lm(keep_float64(model), TOKENS)).passed


def test_deep_copies_and_other_models() -> None:
    original = keep_float64(stock_model(LlamaConfig).double())
    stock = stock_model(LlamaConfig).double()
    copied = copy.deepcopy(original)
    for name, module in copied.named_modules():
        if "norm" in name:
            assert module.forward.__self__ is module
    assert torch.equal(logits(copied), logits(original))
    assert (logits(stock) - logits(original)).abs().max() > 1e-9
    assert stock.config._attn_implementation == "eager"
    assert torch.equal(logits(keep_float64(copied).to(torch.float32)), logits(stock.to(torch.float32)))


def test_exports_in_float64() -> None:
    model = keep_float64(stock_model(LlamaConfig).double())
    exported = torch.export.export(model, (TOKENS,), {"use_cache": False}, strict=False)
    with torch.no_grad():
        torch.testing.assert_close(exported.module()(TOKENS, use_cache=False).logits, logits(model), rtol=1e-14, atol=1e-14)
