"""Language models whose parameters stay in their files: a tensor is read when an operation needs it, and freed after its last use.

For models that do not fit the memory. Only what goes forward through the model once reads each tensor once: losses by the
exported graph and the carried forms of `SecondOrderTaylor`. Whatever needs all parameters together, a gradient for
instance, still reads them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from villani_verify.batches import Batch
from villani_verify.curvature.taylor.program import program_for
from villani_verify.errors import ModelError, one_line
from villani_verify.landscape import Landscape
from villani_verify.landscapes.models import INDEX, check_directory, check_positions, check_weights
from villani_verify.landscapes.unfilled import unfilled_model
from villani_verify.losses import LossFunction
from villani_verify.points import Point, StoredPoint


def stored_causal_lm(
    directory: str | Path, sequences: Tensor, *, weight_decay: float = 0.0, dtype: torch.dtype = torch.float32, **options: Any
) -> Landscape:
    """Make the landscape of a language model in a directory, without reading its parameters.

    Args:
        directory: config.json and safetensors, as `save_pretrained` writes them.
        sequences: int64 tensor (number of sequences, length ≥ 2).
        weight_decay: λ.
        dtype: to which tensors are converted as they are read.
        options: as of `Landscape.causal_lm`.

    Returns:
        A landscape whose `initial` is a `StoredPoint`.

    Raises:
        ModelError: if the directory has no such model, or not exactly the tensors that its configuration asks for.
        RequestError: if the sequences have another shape or are too long.
    """
    path, label = Path(directory).expanduser(), f"model directory {str(directory)!r}"
    check_directory(path, label)
    model = unfilled_model(path, dtype, label)
    check_positions(model, sequences.shape[-1])
    shapes = {name: p.shape for name, p in model.named_parameters()}
    files = _files(path, label)
    # Tied tensors and constant buffers may be stored as well.
    missing, unexpected = shapes.keys() - files.keys(), files.keys() - model.state_dict().keys()
    check_weights({"missing_keys": missing, "mismatched_keys": (), "unexpected_keys": unexpected}, label)
    point = SafetensorsPoint(files, shapes, dtype, label)
    landscape = Landscape.causal_lm(model, sequences, weight_decay=weight_decay, **options)
    return replace(landscape, initial=point, loss_function=StreamedLoss(landscape.loss_function))  # type: ignore[arg-type]


class StreamedLoss:
    """A loss that reads the tensors of a stored point one by one, as the operations of its exported graph need them."""

    def __init__(self, loss: LossFunction) -> None:
        self.loss = loss

    def __call__(self, point: Point, batch: Batch) -> Tensor:
        """Return the mean over the batch; without a graph where the point is stored."""
        if not isinstance(point, StoredPoint):
            return self.loss(point, batch)
        found: Tensor = program_for(self, point, batch).run(batch, point.__getitem__)
        return found

    def to(self, device: torch.device, dtype: torch.dtype) -> LossFunction:
        """Return the same for the loss moved and cast."""
        return StreamedLoss(self.loss.to(device, dtype))


class SafetensorsPoint(StoredPoint):
    """θ in safetensors files."""

    def __init__(self, files: dict[str, Path], shapes: dict[str, torch.Size], dtype: torch.dtype, label: str) -> None:
        """Take name → file and name → shape.

        Raises:
            ModelError: if a tensor has another shape.
        """
        self._files = {name: files[name] for name in shapes}
        self._dtype = dtype
        self._label = label
        for name, shape in shapes.items():
            with self._open(name) as file:
                stored = tuple(file.get_slice(name).get_shape())
            if stored != tuple(shape):
                raise ModelError(
                    f"{label}: tensor {name} has shape {stored} where config.json asks for {tuple(shape)}; use the config.json "
                    "that was saved with the weights"
                )
        # Memory that nobody has written to takes no room.
        self._templates = {name: torch.empty(shape, dtype=dtype) for name, shape in shapes.items()}

    @property
    def templates(self) -> dict[str, Tensor]:
        """Tensors of these shapes and dtypes with arbitrary values."""
        return self._templates

    def __getitem__(self, name: str) -> Tensor:
        """Read a tensor."""
        with self._open(name) as file:
            return file.get_tensor(name).to(self._dtype)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in the model's order."""
        return iter(self._templates)

    def __len__(self) -> int:
        """Count the tensors."""
        return len(self._templates)

    def _open(self, name: str) -> Any:
        from safetensors import SafetensorError, safe_open

        try:
            return safe_open(self._files[name], framework="pt")
        except (OSError, SafetensorError) as e:
            raise ModelError(f"{self._label}: {self._files[name].name} cannot be read ({one_line(e, 120)}); copy it again") from e


def _files(directory: Path, label: str) -> dict[str, Path]:
    from safetensors import SafetensorError, safe_open

    index = directory / INDEX
    try:
        if index.is_file():
            return {name: directory / file for name, file in json.loads(index.read_text())["weight_map"].items()}
        found: dict[str, Path] = {}
        for path in sorted(directory.glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                found.update(dict.fromkeys(file.keys(), path))
    except (AttributeError, KeyError, OSError, RecursionError, SafetensorError, TypeError, ValueError) as e:
        raise ModelError(f"{label}: a safetensors file or its index is damaged ({one_line(e, 120)}); copy it again") from e
    return found
