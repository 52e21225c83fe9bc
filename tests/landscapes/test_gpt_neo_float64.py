from __future__ import annotations

import copy

import pytest
import torch
from transformers import GPTNeoConfig, GPTNeoForCausalLM
from transformers.models.gpt_neo.modeling_gpt_neo import GPTNeoSelfAttention

from villani_verify.landscapes.gpt_neo_float64 import keep_float64

TOKENS = torch.arange(24).reshape(2, 12) % 7


def stock_model(*, seed: int = 0, standard_deviation: float = 0.5) -> GPTNeoForCausalLM:
    torch.manual_seed(seed)
    config = GPTNeoConfig(
        vocab_size=7, hidden_size=6, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]], window_size=4,
        max_position_embeddings=16, intermediate_size=12, attn_implementation="eager", resid_dropout=0.0, embed_dropout=0.0,
        attention_dropout=0.0, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    model = GPTNeoForCausalLM(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=standard_deviation)
    return model


def logits(model: torch.nn.Module, **options: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(TOKENS, use_cache=False, **options).logits


def attentions(model: torch.nn.Module) -> list[GPTNeoSelfAttention]:
    return [m for m in model.modules() if isinstance(m, GPTNeoSelfAttention)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_same_bits_as_the_library_where_the_library_does_not_lose_any(dtype: torch.dtype) -> None:
    model = stock_model().to(dtype)
    assert torch.equal(logits(keep_float64(copy.deepcopy(model))), logits(model))


def test_padding_mask_is_honoured() -> None:
    model = stock_model()
    mask = torch.ones_like(TOKENS)
    mask[0, :5] = 0
    kept = keep_float64(copy.deepcopy(model))
    assert torch.equal(logits(kept, attention_mask=mask), logits(model, attention_mask=mask))
    assert not torch.equal(logits(kept, attention_mask=mask), logits(kept))


def test_float64_agrees_with_the_formula_and_the_stock_one_does_not() -> None:
    """One attention layer, entry by entry, with the window of the local layer."""
    model = keep_float64(stock_model().double())
    global_layer, local_layer = attentions(model)
    torch.manual_seed(1)
    query, key, value = torch.randn(3, 1, 2, 9, 3, dtype=torch.float64)
    for layer, window in ((global_layer, 9), (local_layer, 4)):
        mixed, weights = layer._attn(query, key, value)
        stock = GPTNeoSelfAttention._attn(layer, query, key, value)[0]
        for head in range(2):
            for i in range(9):
                seen = range(max(0, i - window + 1), i + 1)
                scores = torch.stack([query[0, head, i] @ key[0, head, j] for j in seen])
                share = scores.exp() / scores.exp().sum()
                expected = sum(w * value[0, head, j] for w, j in zip(share, seen, strict=True))
                torch.testing.assert_close(mixed[0, head, i], expected, rtol=1e-13, atol=1e-14)
                assert weights[0, head, i].count_nonzero() == len(seen)
        # float32 has a rounding unit of 6e-8, and the library's answer shows it.
        assert 1e-9 < (stock - mixed).abs().max() < 1e-5


def test_last_keys_belong_to_the_last_queries() -> None:
    layer = attentions(keep_float64(stock_model().double()))[1]
    torch.manual_seed(1)
    query, key, value = torch.randn(3, 1, 2, 9, 3, dtype=torch.float64)
    whole = layer._attn(query, key, value)[0]
    torch.testing.assert_close(layer._attn(query[:, :, 6:], key, value)[0], whole[:, :, 6:], rtol=1e-14, atol=0)


def test_a_deep_copy_is_bound_to_itself() -> None:
    original = keep_float64(stock_model().double())
    copied = copy.deepcopy(original)
    for module, twin in zip(attentions(original), attentions(copied), strict=True):
        assert module._attn.__self__ is module
        assert twin._attn.__self__ is twin
    before = logits(original)
    for twin in attentions(copied):
        twin.bias.fill_(False).diagonal(dim1=-2, dim2=-1).fill_(True)
    assert torch.equal(logits(original), before)
    assert not torch.equal(logits(copied), before)


def test_other_models_and_the_class_are_not_touched() -> None:
    kept, stock = keep_float64(stock_model().double()), stock_model().double()
    assert (logits(kept) - logits(stock)).abs().max() > 1e-9
    assert all("_attn" not in vars(m) for m in attentions(stock))
    linear = torch.nn.Linear(2, 2)
    assert keep_float64(linear) is linear


def test_may_be_repeated_and_cast() -> None:
    model = stock_model()
    reference = logits(model)
    model = keep_float64(keep_float64(model).double())
    assert torch.equal(logits(model.to(torch.float32)), reference)
    assert logits(model.to(torch.float64)).dtype == torch.float64


def test_exports() -> None:
    model = keep_float64(stock_model().double())
    exported = torch.export.export(model, (TOKENS,), {"use_cache": False}, strict=False)
    with torch.no_grad():
        torch.testing.assert_close(exported.module()(TOKENS, use_cache=False).logits, logits(model), rtol=1e-14, atol=1e-14)
    dtypes = {v.dtype for n in exported.graph.nodes if isinstance(v := n.meta.get("val"), torch.Tensor) and v.is_floating_point()}
    assert dtypes == {torch.float64}
