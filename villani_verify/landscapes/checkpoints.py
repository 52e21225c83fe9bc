"""Parameters of a model at other moments of its training, from directories that were saved then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.models import check_directory, load_model
from villani_verify.points import Point


def check_checkpoints(directories: Sequence[str]) -> None:
    """Check that each directory holds a configuration and safetensors, before anything is measured.

    Raises:
        ModelError: if one does not.
    """
    for directory in directories:
        check_directory(Path(directory).expanduser(), _label(directory))


def checkpoint(landscape: Landscape, directory: str) -> Point:
    """Read the parameters of a checkpoint.

    Args:
        landscape: of the same model.
        directory: config.json and safetensors, as `save_pretrained` writes them.

    Returns:
        θ with the names, dtype and device of the landscape.

    Raises:
        ModelError: if there is no such model, or its files are damaged.
        RequestError: if its tensors have other names or shapes than those of the landscape.
    """
    # A path with a separator is never looked up on the hub.
    model = load_model(str(Path(directory).expanduser().resolve()), dtype=landscape.dtype, device=landscape.device)
    found = {name: p.detach() for name, p in model.named_parameters()}
    asked = landscape.initial
    for name in [*asked, *found]:
        if name not in found or name not in asked:
            whose = f"landscape {landscape.name!r}" if name not in found else "it"
            raise RequestError(
                f"{_label(directory)}: only {whose} has a tensor {name!r}; give checkpoints of the landscape's own model"
            )
        shapes = tuple(found[name].shape), tuple(asked[name].shape)
        if shapes[0] != shapes[1]:
            raise RequestError(
                f"{_label(directory)}: tensor {name!r} has shape {shapes[0]}, that of landscape {landscape.name!r} {shapes[1]}; "
                "give checkpoints of the landscape's own model"
            )
    return {name: found[name] for name in asked}


def _label(directory: str) -> str:
    return f"checkpoint {directory!r}"
