from __future__ import annotations

import copy
import os

import pytest
import torch
from transformers import GPTNeoForCausalLM

from villani_verify.landscapes import architectures

TINY = {"gpt_neo_tiny": 822, "gpt2_tiny": 858, "llama_tiny": 1112}


@pytest.mark.parametrize("name", TINY)
def test_tiny_models_have_the_stated_size_and_dtype(name: str) -> None:
    model = getattr(architectures, name)()
    assert sum(p.numel() for p in model.parameters()) == TINY[name]
    assert {p.dtype for p in model.parameters()} == {torch.float64}
    assert not model.training


@pytest.mark.parametrize("name", TINY)
def test_weights_depend_on_names_only(name: str) -> None:
    torch.manual_seed(1)
    first = getattr(architectures, name)()
    state = torch.get_rng_state()
    torch.manual_seed(2)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        second = getattr(architectures, name)()
    finally:
        torch.set_default_dtype(default)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state), "building a model must leave the caller's random state alone"
    for (n, p), q in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(p, q), n


def test_gains_are_one_and_the_rest_is_spread() -> None:
    for name, p in architectures.gpt_neo_tiny().named_parameters():
        if "ln_" in name and name.endswith("weight"):
            assert torch.equal(p, torch.ones_like(p))
        elif p.numel() >= 36:
            # The standard deviation of n normals has relative error 1/√(2n) ≤ 0.12; four of these.
            assert p.std().item() == pytest.approx(0.3, rel=0.48), name


def test_relu_differs_in_the_activation_only() -> None:
    smooth, kinked = architectures.gpt_neo_tiny(), architectures.gpt_neo_tiny(activation="relu")
    assert all(torch.equal(p, q) for p, q in zip(smooth.parameters(), kinked.parameters(), strict=True))
    tokens = torch.arange(12)[None] % 7
    assert not torch.allclose(smooth(tokens).logits, kinked(tokens).logits)


def test_small_is_within_its_size_and_sees_its_window() -> None:
    model = architectures.gpt_neo_small()
    assert sum(p.numel() for p in model.parameters()) == 232_064
    masks = [block.attn.attention.bias[0, 0, 100].sum().item() for block in model.transformer.h]
    assert masks == [101, 32, 101, 32]


def test_125m_is_the_published_shape() -> None:
    with torch.device("meta"):
        model = GPTNeoForCausalLM(architectures.gpt_neo_125m_config())
    assert sum(p.numel() for p in model.parameters()) == 125_198_592
    assert len(model.transformer.h) == 12
    assert [b.attn.attention.attention_type for b in model.transformer.h] == ["global", "local"] * 6
    config = model.config
    assert (config.hidden_size, config.num_heads, config.window_size, config.max_position_embeddings) == (768, 12, 256, 2048)
    assert (config.vocab_size, config.activation_function, config.layer_norm_epsilon) == (50257, "gelu_new", 1e-5)
    assert (config.intermediate_size, config.initializer_range) == (None, 0.02)


@pytest.mark.skipif(
    os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 3e9, reason="building 125 million parameters takes 1.2 GB"
)
def test_125m_is_built_at_random() -> None:
    model = architectures.gpt_neo_125m()
    assert sum(p.numel() for p in model.parameters()) == 125_198_592
    # 38.6 million normals: relative error of the standard deviation 1.1e-4.
    assert model.transformer.wte.weight.std().item() == pytest.approx(0.02, rel=1e-3)
    assert model.lm_head.weight is model.transformer.wte.weight
    block = model.transformer.h[7]
    assert block.ln_1.weight.eq(1).all()
    assert block.mlp.c_fc.bias.eq(0).all()
    assert block.ln_1.bias.eq(0).all()
    with torch.no_grad():
        logits = model(torch.arange(8)[None], use_cache=False).logits
    assert logits.shape == (1, 8, 50257)
    assert logits.isfinite().all()


def test_a_deep_copy_keeps_the_logits() -> None:
    model = architectures.gpt_neo_tiny()
    tokens = torch.arange(12)[None] % 7
    assert torch.equal(copy.deepcopy(model)(tokens).logits, model(tokens).logits)
