"""Whether a configuration can be one of the weights beside it, before anything of its size is made."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from villani_verify.errors import ModelError
from villani_verify.landscapes.transformers_messages import quiet, reason

# Each is the length of a loop that makes modules, of which each has a tensor, or a number, at least.
_LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
_POSITIONS = ("max_position_embeddings", "n_positions")
# Below these a wrong size costs little, and the library's own check names the tensor that is wrong.
_FEW_POSITIONS = 8192
_FEW_NUMBERS = 1_000_000


def check_sizes(directory: Path, label: str) -> None:
    """Check that config.json asks for no more layers than there are tensors, and for hardly more numbers than there are.

    Without it a configuration of a few bytes has the library make modules until the memory is full: `{"model_type": "llama"}` is
    one of 7 billion parameters. What is damaged is left to whoever reads it.

    Args:
        directory: with config.json and safetensors.
        label: what to call the directory.

    Raises:
        ModelError: if it asks for more, or makes no model.
    """
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        shapes = dict(_shapes(directory))
    except (OSError, RecursionError, ValueError):
        return
    if not isinstance(config, dict):
        return
    numbers = sum(math.prod(shape) for shape in shapes.values())
    _check_entries(config, shapes, numbers, label)
    parameters = _parameters(directory, label, lambda whole: _check_entries(whole, shapes, numbers, label))
    if parameters > 2 * numbers + _FEW_NUMBERS:
        raise _more(label, "parameters", parameters, f"{numbers:,} numbers")


def _check_entries(config: dict[str, Any], shapes: dict[str, Any], numbers: int, label: str) -> None:
    learned = [shape[0] for tensor, shape in shapes.items() if tensor.endswith("wpe.weight")]
    for name, value in config.items():
        if isinstance(value, dict):  # of the text, where a model reads more than that
            _check_entries(value, shapes, numbers, label)
        if isinstance(value, bool) or not isinstance(value, int):
            continue
        if name in _LAYERS and value > len(shapes):
            raise _more(label, name, value, f"{len(shapes):,} tensors")
        if name in _EXPERTS and value > numbers:
            raise _more(label, name, value, f"{numbers:,} numbers")
        # Such models have a mask of positions × positions as well.
        if name in _POSITIONS and learned and value > max(learned[0], _FEW_POSITIONS):
            raise _more(label, name, value, f"{learned[0]:,} positions")
    kinds = config.get("attention_types")
    for entry in kinds if isinstance(kinds, list) else []:
        repeats = entry[1] if isinstance(entry, list) and len(entry) == 2 else 0
        if isinstance(repeats, int) and repeats > len(shapes):
            raise _more(label, "attention_types", repeats, f"{len(shapes):,} tensors")


def _parameters(directory: Path, label: str, check: Callable[[dict[str, Any]], None]) -> int:
    """Return how many parameters the whole configuration asks for, defaults included, without making them."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with quiet():
            config = AutoConfig.from_pretrained(directory, trust_remote_code=False, local_files_only=True)
            check(config.to_dict())
            with torch.device("meta"):
                model: Any = AutoModelForCausalLM.from_config(config, attn_implementation="eager", trust_remote_code=False)
    except ModelError:
        raise
    except Exception as e:  # the library raises nearly every class for a bad configuration
        # Not left to the loading, which may have made the first tensors of any size by then.
        raise ModelError(f"{label}: {reason(e, True)}") from e
    return sum(p.numel() for p in model.parameters())


def _more(label: str, name: str, value: int, there: str) -> ModelError:
    asked = f"{value:,}" if value < 10**15 else "a huge number"
    return ModelError(
        f"{label}: config.json asks for {name} {asked}, and the weights have {there}; use the config.json that was saved with them"
    )


def _shapes(directory: Path) -> Iterator[tuple[str, Any]]:
    from safetensors import SafetensorError, safe_open

    for path in sorted(directory.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - it is no mapping
                    shape = tuple(file.get_slice(name).get_shape())
                    yield name, shape or (1,)
        except SafetensorError as e:
            raise ValueError(str(e)) from e
