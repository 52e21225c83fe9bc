"""Language models of which only the structure exists: memory that nobody has written to takes no room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from villani_verify.errors import ModelError, one_line
from villani_verify.landscapes.gpt_neo_float64 import keep_float64
from villani_verify.landscapes.transformers_messages import quiet, reason


def unfilled_model(directory: Path, dtype: torch.dtype, label: str) -> nn.Module:
    """Make the model of a configuration, in evaluation mode, with parameters of arbitrary values that take no memory.

    Args:
        directory: with config.json.
        dtype: of the parameters.
        label: what errors call the directory.

    Raises:
        ModelError: if the configuration does not make a model.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with quiet(), _parameters_on_meta():
            config = AutoConfig.from_pretrained(directory, trust_remote_code=False, local_files_only=True)
            model: Any = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="eager", trust_remote_code=False)
    except Exception as e:  # the library raises nearly every class for a bad configuration
        raise ModelError(f"{label}: {reason(e, True)}") from e
    try:
        _give_storage(model)
    except (MemoryError, RuntimeError) as e:  # more addresses than there are
        raise ModelError(f"{label}: config.json makes a model beyond any memory ({one_line(e, 120)}); mend it") from e
    keep_float64(model)
    return model.eval()


def _give_storage(model: nn.Module) -> None:
    filled: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                unfilled = filled.setdefault(id(parameter), nn.Parameter(torch.empty(parameter.shape, dtype=parameter.dtype)))
                module._parameters[name] = unfilled


@contextmanager
def _parameters_on_meta() -> Iterator[None]:
    """Give the parameters of modules that are made meanwhile no storage; buffers are constants and keep theirs."""
    register = nn.Module.register_parameter

    def without_storage(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None and not parameter.is_meta:
            parameter = nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)
        register(module, name, parameter)

    nn.Module.register_parameter = without_storage  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]
