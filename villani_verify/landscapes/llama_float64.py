"""Keeps a float64 Llama, and its relatives of the same building blocks, in float64.

transformers computes their RMSNorm and the softmax of their eager attention in float32 whatever the model's dtype.
The norm is bound anew to each module instance. The attention is chosen by name through the library's own registry,
under a new name, so that no other model is touched.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import Tensor, nn

ATTENTION = "eager_in_own_dtype"
# Architectures whose attention is `attention_in_own_dtype` and whose norm is `rms_norm_in_own_dtype`, but for the casts.
_MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3")
_NORMS = ("LlamaRMSNorm", "MistralRMSNorm", "Qwen2RMSNorm", "Qwen3RMSNorm")


def keep_llama_float64(model: nn.Module) -> None:
    """Make every Llama, Mistral, Qwen2 or Qwen3 inside `model` compute in its own dtype, in place; may be repeated."""
    for module in model.modules():
        if type(module).__name__ in _NORMS:
            module.forward = types.MethodType(rms_norm_in_own_dtype, module)
        config: Any = getattr(module, "config", None)
        if getattr(config, "model_type", None) in _MODEL_TYPES:
            _register()
            config._attn_implementation = ATTENTION


def rms_norm_in_own_dtype(module: Any, hidden_states: Tensor) -> Tensor:
    """Return weight · x / √(mean x² + eps) over the last axis (Zhang and Sennrich 2019), in x's dtype or float32."""
    x = hidden_states.to(torch.promote_types(hidden_states.dtype, torch.float32))
    scaled = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + module.variance_epsilon)
    return module.weight * scaled.to(hidden_states.dtype)


def attention_in_own_dtype(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Return softmax(scaling · QKᵀ + mask) V with several query heads to a key head, in the dtype of the arguments.

    Args:
        module: the attention module; `num_key_value_groups` is the number of query heads that share a key head.
        query: shape (batch, heads, queries, head dimension).
        key: shape (batch, key heads, keys, head dimension).
        value: shape of `key`.
        attention_mask: added to the scores; broadcasts to (batch, heads, queries, keys).
        scaling: usually 1 / √(head dimension).
        dropout: probability that a weight is dropped; the caller passes 0 outside training.

    Returns:
        The mixed values, of shape (batch, queries, heads, head dimension), and the weights.
    """
    key = key.repeat_interleave(module.num_key_value_groups, dim=1)
    value = value.repeat_interleave(module.num_key_value_groups, dim=1)
    scores = query @ key.transpose(-1, -2) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    # Half precision is raised to float32 here, as in the library.
    weights = scores.softmax(dim=-1, dtype=torch.promote_types(scores.dtype, torch.float32)).to(query.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register(ATTENTION, attention_in_own_dtype)
    AttentionMaskInterface.register(ATTENTION, eager_mask)
