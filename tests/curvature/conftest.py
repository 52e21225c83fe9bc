from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
import torch
from torch import nn

from villani_verify.landscape import Landscape
from villani_verify.landscapes.gpt_neo_float64 import keep_float64

COMMON: dict[str, Any] = {"vocab_size": 20, "bos_token_id": 1, "eos_token_id": 1, "attn_implementation": "eager"}
LLAMA: dict[str, Any] = COMMON | {
    "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
    "max_position_embeddings": 16,
}  # fmt: skip


def _model(name: str) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    if name.startswith("gpt-neo"):
        # Global, then local attention with a window shorter than the sequence.
        config = transformers.GPTNeoConfig(
            hidden_size=8, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]], window_size=3,
            max_position_embeddings=16, activation_function="relu" if "relu" in name else "gelu_new", **COMMON,
        )  # fmt: skip
        model = transformers.GPTNeoForCausalLM(config).double()
        keep_float64(model)
        return model
    if name == "gpt2":
        config = transformers.GPT2Config(n_embd=8, n_layer=2, n_head=2, n_positions=16, **COMMON)
        return transformers.GPT2LMHeadModel(config).double()
    if name == "gpt-neox":
        config = transformers.GPTNeoXConfig(
            hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=16, **COMMON
        )  # fmt: skip
        return transformers.GPTNeoXForCausalLM(config).double()
    if name == "llama":
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA)).double()
    return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(head_dim=4, **LLAMA)).double()


@pytest.fixture(scope="session")
def causal_lm() -> Callable[[str], Landscape]:
    """Return name ↦ two short sequences under a small language model with random weights."""
    return lru_cache(_landscape)


def _landscape(name: str) -> Landscape:
    generator = torch.Generator().manual_seed(1)
    return Landscape.causal_lm(_model(name), torch.randint(0, 20, (2, 7), generator=generator), name=name)
