"""Loads Hugging Face causal language models so that their landscape is the one meant.

Attention is the eager one (the fused kernels have neither a double backward nor forward derivatives), dropout is
off, GPT-Neo keeps its dtype, and the weights are exactly those of the files: safetensors only, no code from the
model's author, and nothing silently initialised afresh.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from villani_verify.errors import DeviceError, ModelError, RequestError
from villani_verify.landscapes.gpt_neo_float64 import keep_float64
from villani_verify.landscapes.sizes import check_sizes
from villani_verify.landscapes.transformers_messages import quiet, reason, shortened

# Constant buffers (attention masks, rotary frequencies) that older releases of the library saved beside the weights.
_SAVED_BUFFERS = re.compile(r"(attn|attention)\.(masked_)?bias$|rotary_emb\.inv_freq$")
INDEX = "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def load_model(name_or_directory: str, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> nn.Module:
    """Load a causal language model in evaluation mode, so without dropout.

    Args:
        name_or_directory: a directory with config.json and safetensors, or a name on the Hugging Face hub; what
            exists on this machine as a directory is never looked up on the hub.
        dtype: floating-point dtype of the parameters.
        device: where the parameters go.

    Returns:
        The model; `model(tokens, use_cache=False).logits` has shape (batch, length, vocabulary).

    Raises:
        ModelError: if there is no such model, the files are damaged, only pickles, of an unknown architecture, or
            do not hold exactly the weights that the configuration asks for.
        DeviceError: if there is no such device.
        RequestError: if the dtype is not a floating-point one.
    """
    if not dtype.is_floating_point:
        raise RequestError(f"dtype {dtype} of model {name_or_directory!r}: it is no floating-point dtype; use torch.float32")
    where = _device(device)
    check_local(name_or_directory)
    local = _is_local(name_or_directory)
    source = str(Path(name_or_directory).expanduser()) if local else name_or_directory
    label = f"model {'directory' if local else 'name'} {name_or_directory!r}"
    model, report = _from_pretrained(source, dtype, label, local)
    check_weights(report, label)
    keep_float64(model)
    return model.to(where).eval()


def check_local(name_or_directory: str) -> None:
    """Check what can be checked of a model without loading it: that there is a name, and a directory, if it is one, holds a model.

    Raises:
        ModelError: if not.
    """
    if not name_or_directory.strip():
        raise ModelError("model: the name is empty; give a directory, or a name such as EleutherAI/gpt-neo-125m")
    if _is_local(name_or_directory):
        check_directory(Path(name_or_directory).expanduser(), f"model directory {name_or_directory!r}")


def local_digest(name_or_directory: str) -> str | None:
    """Return a digest of the configuration and weights in a directory; None for a name on the hub.

    Raises:
        ModelError: if a file cannot be read.
    """
    if not _is_local(name_or_directory):
        return None
    directory = Path(name_or_directory).expanduser()
    state = hashlib.blake2b(digest_size=16)
    try:
        for path in (directory / "config.json", *sorted(directory.glob("*.safetensors"))):
            with path.open("rb") as file:
                state.update(hashlib.file_digest(file, "blake2b").digest())
    except OSError as e:
        raise ModelError(f"model directory {name_or_directory!r}: {e.filename} cannot be read ({e.strerror}); mend that") from e
    return state.hexdigest()


def check_positions(model: nn.Module, length: int) -> None:
    """Check that sequences of `length` tokens fit the model's positions.

    Raises:
        RequestError: if they do not.
    """
    positions = _of_config(model, "max_position_embeddings")
    if positions is not None and length > positions:
        raise RequestError(
            f"sequence length {length}: {type(model).__name__} has only {positions} positions; "
            f"use --sequence-length {positions} or less"
        )


def vocabulary_size(model: nn.Module) -> int:
    """Return the number of token ids that `model` knows.

    Raises:
        ModelError: if its configuration does not say.
    """
    size = _of_config(model, "vocab_size")
    if size is None:
        raise ModelError(f"{type(model).__name__}: its config has no vocab_size; use a Hugging Face causal language model")
    return size


def _device(device: torch.device | str) -> torch.device:
    try:
        where = torch.device(device)
        torch.empty(0, device=where)
    except (AssertionError, NotImplementedError, RuntimeError) as e:
        raise DeviceError(f"device {str(device)!r}: not available on this machine ({shortened(e)}); use cpu") from e
    return where


def _is_local(name: str) -> bool:
    # A hub name is "name" or "owner/name"; everything else can only have been meant as a path.
    path = Path(name).expanduser()
    return path.exists() or path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or name.endswith("/")


def check_directory(directory: Path, label: str) -> None:
    """Check that a directory holds a configuration and safetensors.

    Raises:
        ModelError: if not.
    """
    if not directory.exists():
        raise ModelError(f"{label}: it does not exist; mend the path")
    if not directory.is_dir():
        raise ModelError(f"{label}: it is a file; give the directory that holds config.json and the safetensors")
    if not (directory / "config.json").is_file():
        raise ModelError(f"{label}: there is no config.json; save the model there with save_pretrained")
    if any(directory.glob("*.safetensors")):
        _check_index(directory / INDEX, label)
        check_sizes(directory, label)
        return
    pickles = sorted(path.name for pattern in _PICKLES for path in directory.glob(pattern))
    if pickles:
        raise ModelError(f"{label}: only a pickle ({pickles[0]}), which can run code when loaded; convert it to safetensors")
    raise ModelError(f"{label}: there are no weights (*.safetensors); save the model there with save_pretrained")


def _check_index(index: Path, label: str) -> None:
    """Check that an index of several files names safetensors beside it: the library reads whatever it names, pickles as well."""
    if not index.is_file():
        return
    try:
        files = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        wrong = sorted(f for f in files if Path(f).name != f or not f.endswith(".safetensors"))
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError) as e:
        raise ModelError(f"{label}: {index.name} is damaged ({shortened(e)}); copy it again") from e
    if wrong:
        raise ModelError(f"{label}: {index.name} names {wrong[0][:80]!r}, which is no safetensors file beside it; copy it again")


def _from_pretrained(source: str, dtype: torch.dtype, label: str, local: bool) -> tuple[nn.Module, dict[str, Any]]:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        with quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                source,
                dtype=dtype,
                attn_implementation="eager",
                use_safetensors=True,
                weights_only=True,
                trust_remote_code=False,
                local_files_only=local or not _hub_answers(source),
                output_loading_info=True,
            )
    except SafetensorError as e:
        raise ModelError(f"{label}: a safetensors file is damaged ({shortened(e)}); copy it again") from e
    except MemoryError as e:
        raise ModelError(f"{label}: it does not fit in memory; use a smaller model or dtype") from e
    except Exception as e:  # the library raises nearly every class for bad files and for an unreachable hub
        raise ModelError(f"{label}: {reason(e, local)}") from e
    model, report = loaded
    return model, report


def _hub_answers(name: str) -> bool:
    # One quick question: without it an unreachable hub costs the library's 23 s of retries before the cache is tried.
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    try:
        get_hf_file_metadata(hf_hub_url(name, "config.json"), timeout=10)
    except HfHubHTTPError:
        return True
    except Exception:  # no network, no name service, offline mode: each client library has its own classes
        return False
    return True


def check_weights(report: Mapping[str, Collection[Any]], label: str) -> None:
    """Check that files hold exactly the weights that a configuration asks for.

    Args:
        report: names under "missing_keys", "unexpected_keys" and "mismatched_keys", the last maybe with their shapes.
        label: what to call the files.

    Raises:
        ModelError: if they do not.
    """
    unexpected = [key for key in report["unexpected_keys"] if not _SAVED_BUFFERS.search(key)]
    for kind, keys in (
        ("has no weights for", report["missing_keys"]),
        ("has weights of another shape for", [key[0] if isinstance(key, tuple) else key for key in report["mismatched_keys"]]),
        ("has weights that config.json does not ask for,", unexpected),
    ):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise ModelError(f"{label}: it {kind} {min(keys)}{more}; use the config.json that was saved with the weights")


def _of_config(model: nn.Module, key: str) -> int | None:
    value = getattr(getattr(model, "config", None), key, None)
    return value if isinstance(value, int) else None
