"""A tiny GPT-Neo in a directory; no target itself."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from fuzz.place import place
from fuzz.target import attempt
from villani_verify.landscapes.models import load_model
from villani_verify.landscapes.stored import stored_causal_lm

_CONFIG: dict[str, Any] = {
    "architectures": ["GPTNeoForCausalLM"], "model_type": "gpt_neo", "hidden_size": 6, "num_layers": 2, "num_heads": 2,
    "attention_types": [[["global", "local"], 1]], "intermediate_size": 8, "vocab_size": 7, "max_position_embeddings": 16,
    "window_size": 4, "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip


@lru_cache(maxsize=1)
def files() -> tuple[bytes, bytes]:
    """Return config.json and model.safetensors."""
    from transformers import GPTNeoConfig, GPTNeoForCausalLM

    torch.manual_seed(0)
    with place() as directory:
        GPTNeoForCausalLM(GPTNeoConfig(**{k: v for k, v in _CONFIG.items() if k != "model_type"})).save_pretrained(directory)
        return (directory / "config.json").read_bytes(), (directory / "model.safetensors").read_bytes()


def other_config() -> bytes:
    """Return the config.json of a tiny Llama."""
    values: dict[str, Any] = {
        "model_type": "llama", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
        "intermediate_size": 8, "vocab_size": 7, "max_position_embeddings": 16,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
    }  # fmt: skip
    return json.dumps(values).encode()


def load(config: bytes, weights: bytes) -> None:
    """Load a model of these files, whole and tensor by tensor."""
    with place() as directory:
        write(directory, config, weights)
        attempt(lambda: load_model(str(directory)))
        attempt(lambda: _stored(directory))


def write(directory: Path, config: bytes, weights: bytes) -> None:
    """Write both files."""
    (directory / "config.json").write_bytes(config)
    (directory / "model.safetensors").write_bytes(weights)


def _stored(directory: Path) -> None:
    landscape = stored_causal_lm(directory, torch.zeros(1, 2, dtype=torch.int64))
    for name in landscape.initial:
        landscape.initial[name]
