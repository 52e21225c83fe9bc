"""Builds the zoo's transformers with weights that depend on a seed and their names only.

Every matrix is drawn by `villani_verify.curvature.probes.normals`, addressed by the parameter's name: neither the
global random state nor the order of construction plays a part.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from villani_verify.curvature.probes import normals
from villani_verify.landscapes.gpt_neo_float64 import keep_float64

# Seven classes of characters and sixteen positions: small enough for an exact Hessian.
_TINY_VOCABULARY, _TINY_POSITIONS = 7, 16


def gpt_neo_tiny(*, activation: str = "gelu_new") -> nn.Module:
    """Return a float64 GPT-Neo with 822 parameters: a global and a local layer of width 6, window 4, 16 positions."""
    config = gpt_neo_config(
        vocab_size=_TINY_VOCABULARY, hidden_size=6, num_heads=2, pairs=1, window=4, positions=_TINY_POSITIONS, intermediate_size=12
    )
    config.activation_function = activation
    return _initialised(config, dtype=torch.float64, standard_deviation=0.3)


def gpt_neo_small() -> nn.Module:
    """Return an untrained float32 GPT-Neo for bytes: four layers of width 64, window 32, 256 positions."""
    config = gpt_neo_config(vocab_size=256, hidden_size=64, num_heads=4, pairs=2, window=32, positions=256)
    return _initialised(config, dtype=torch.float32, standard_deviation=0.02, biases=False)


def gpt_neo_125m() -> nn.Module:
    """Return GPT-Neo-125M at random: the published architecture, float32, standard deviation 0.02."""
    return _initialised(gpt_neo_125m_config(), dtype=torch.float32, standard_deviation=0.02, biases=False)


def gpt_neo_125m_config() -> Any:
    """Return the configuration of GPT-Neo-125M; the library's own default is the 1.3B shape."""
    return gpt_neo_config(vocab_size=50257, hidden_size=768, num_heads=12, pairs=6, window=256, positions=2048)


def gpt2_tiny() -> nn.Module:
    """Return a float64 GPT-2 with two layers of width 6 and 16 positions."""
    from transformers import GPT2Config

    config = GPT2Config(
        vocab_size=_TINY_VOCABULARY, n_embd=6, n_layer=2, n_head=2, n_inner=12, n_positions=_TINY_POSITIONS,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return _initialised(config, dtype=torch.float64, standard_deviation=0.3)


def llama_tiny() -> nn.Module:
    """Return a float64 Llama: two layers of width 8, rotary positions, RMSNorm, SiLU, two query heads sharing one key head."""
    from transformers import LlamaConfig

    config = LlamaConfig(
        vocab_size=_TINY_VOCABULARY, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        intermediate_size=12, max_position_embeddings=_TINY_POSITIONS, hidden_act="silu", tie_word_embeddings=False,
        bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    return _initialised(config, dtype=torch.float64, standard_deviation=0.3)


def gpt_neo_config(
    *,
    vocab_size: int,
    hidden_size: int,
    num_heads: int,
    pairs: int,
    window: int,
    positions: int,
    intermediate_size: int | None = None,
) -> Any:
    """Return the configuration of a GPT-Neo with `pairs` of a global and a local layer, without dropout."""
    from transformers import GPTNeoConfig

    return GPTNeoConfig(
        vocab_size=vocab_size, hidden_size=hidden_size, num_layers=2 * pairs, num_heads=num_heads,
        attention_types=[[["global", "local"], pairs]], window_size=window, max_position_embeddings=positions,
        intermediate_size=intermediate_size, activation_function="gelu_new", layer_norm_epsilon=1e-5,
        resid_dropout=0.0, embed_dropout=0.0, attention_dropout=0.0, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip


def _initialised(config: Any, *, dtype: torch.dtype, standard_deviation: float, biases: bool = True, seed: int = 0) -> nn.Module:
    from transformers import AutoModelForCausalLM

    # The library draws weights too, and they are thrown away: the caller's random state is put back.
    with torch.random.fork_rng(devices=[]):
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").to(dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 and name.endswith("weight"):
                parameter.fill_(1.0)  # gains of LayerNorm and RMSNorm
            elif parameter.dim() == 1 and not biases:
                parameter.zero_()
            else:
                parameter.copy_(normals(name, parameter.shape, seed=seed, index=0, like=parameter)).mul_(standard_deviation)
    keep_float64(model)
    return model.eval()
