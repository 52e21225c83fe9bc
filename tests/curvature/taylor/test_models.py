from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from villani_verify.curvature.taylor import taylor_coefficients
from villani_verify.curvature.taylor.nested_reverse import nested_reverse
from villani_verify.landscape import Landscape
from villani_verify.landscapes.gpt_neo_float64 import keep_float64

ORDER = 5
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
    if name == "llama":
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA)).double()
    return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(head_dim=4, **LLAMA)).double()


def _landscape(name: str) -> Landscape:
    generator = torch.Generator().manual_seed(1)
    return Landscape.causal_lm(_model(name), torch.randint(0, 20, (2, 7), generator=generator), name=name)


# Llama and Qwen3 cast to float32 inside RMSNorm and softmax; each order then carries its own float32 rounding.
@pytest.mark.parametrize(
    ("name", "rtol"), [("gpt-neo", 1e-9), ("gpt-neo-relu", 1e-9), ("gpt2", 1e-9), ("llama", 2e-4), ("qwen3", 2e-4)]
)
def test_language_model_against_nested_reverse(name: str, rtol: float) -> None:
    landscape = _landscape(name)
    generator = torch.Generator().manual_seed(2)
    v = {n: 0.1 * torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in landscape.initial.items()}
    found = taylor_coefficients(landscape, landscape.initial, v, order=ORDER, t=0.5)
    assert found.method == "taylor", found.note
    expected = nested_reverse(landscape.loss_function, landscape.initial, v.get, landscape.batches[0], order=ORDER, t=0.5)
    assert found.loss == pytest.approx(expected, rel=rtol, abs=rtol * abs(expected[0]))


def test_llama_in_exact_arithmetic_agrees_with_differences() -> None:
    """Left out, the casts leave a float64 function: its value at t + h is the series to 1e-12, which float32 is not."""
    landscape = _landscape("llama")
    generator = torch.Generator().manual_seed(2)
    v = {n: 0.1 * torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in landscape.initial.items()}

    def loss(t: float, order: int) -> tuple[float, ...]:
        return taylor_coefficients(landscape, landscape.initial, v, order=order, t=t, declared=torch.float32).loss

    h = 1e-3
    series = sum(c * h**i for i, c in enumerate(loss(0.0, 5)))
    assert series == pytest.approx(loss(h, 0)[0], rel=1e-13)


def test_tied_weights_move_together() -> None:
    """The head of GPT-2 is its embedding: moving it moves both, and it is counted once."""
    landscape = _landscape("gpt2")
    assert not any("lm_head" in n for n in landscape.initial)
    name = next(n for n in landscape.initial if n.endswith("wte.weight"))
    v = {name: torch.ones_like(landscape.initial[name])}
    found = taylor_coefficients(landscape, landscape.initial, v, order=1)
    h = 1e-5
    ends = [landscape.loss(landscape.initial | {name: landscape.initial[name] + s * h * v[name]}) for s in (1, -1)]
    # Truncation h²·L‴ ≈ 1e-9, rounding 1e-16/h ≈ 1e-11.
    assert found.loss[1] == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-8)
