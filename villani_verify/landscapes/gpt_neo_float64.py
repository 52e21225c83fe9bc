"""Keeps a float64 GPT-Neo in float64.

transformers' `GPTNeoSelfAttention` casts queries and keys to float32 whatever the model's dtype, so after
`model.double()` the loss still carries float32 rounding: a central difference at h = 1e-6 is then wrong in the
first digit, and every second derivative by finite differences is noise. Here the attention is bound anew to each
module instance, without that cast; nothing in transformers is changed.
"""

from __future__ import annotations

import types
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from villani_verify.landscapes.llama_float64 import keep_llama_float64

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def keep_float64(model: AnyModule) -> AnyModule:
    """Make `model` compute in its own dtype where transformers would cast to float32.

    Removes the casts of GPT-Neo, Llama, Mistral, Qwen2 and Qwen3; GPT-2 has none. Other architectures are left as they
    are; `villani_verify.landscapes.dtype_audit` tells whether they cast. Works in place and may be repeated. A deep copy
    of the model carries the change, bound to the copy's own modules; `.to(...)`, `torch.func` transforms and
    `torch.export` see ordinary code. A model so changed does not pickle: save its weights, or build it again.

    Args:
        model: any module; eager attention is expected, as the fused kernels have no second derivatives.

    Returns:
        The same `model`.
    """
    from transformers.models.gpt_neo.modeling_gpt_neo import GPTNeoSelfAttention

    for module in model.modules():
        if isinstance(module, GPTNeoSelfAttention):
            module._attn = types.MethodType(attention_in_own_dtype, module)  # type: ignore[method-assign]  # of one instance
    keep_llama_float64(model)
    return model


def attention_in_own_dtype(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return GPT-Neo's attention, softmax(QKᵀ + mask) V, without leaving the dtype of the arguments.

    The scores are not divided by √(head dimension): GPT-Neo was trained so. Half precision is raised to float32 for
    the scores, as in the library, so that in every dtype but float64 the two agree bit for bit.

    Args:
        module: a `GPTNeoSelfAttention`; its buffer `bias`, boolean of shape (1, 1, positions, positions), says which
            keys a query may see (all earlier ones, or the last `window_size` of them in a local layer).
        query: shape (batch, heads, queries, head dimension).
        key: shape (batch, heads, keys, head dimension), with keys ≥ queries; the last key belongs to the last query.
        value: shape of `key`.
        attention_mask: added to the scores; broadcasts to (batch, heads, queries, keys).

    Returns:
        The mixed values, of the shape of `query`, and the weights, of shape (batch, heads, queries, keys).
    """
    precision = torch.promote_types(query.dtype, torch.float32)
    scores = query.to(precision) @ key.to(precision).transpose(-1, -2)
    queries, keys = scores.shape[-2:]
    visible = module.bias[:, :, keys - queries : keys, :keys]
    scores = torch.where(visible, scores, torch.finfo(scores.dtype).min)
    if attention_mask is not None:
        # Added last: among keys that are all padding, −∞ for the future then still leaves the past its weight.
        scores = scores + attention_mask
    weights = module.attn_dropout(scores.softmax(dim=-1).to(value.dtype))
    return weights @ value, weights
