"""The state of a run on disk: one npz file, written whole, without pickles."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

from villani_verify.errors import OutputError, RequestError
from villani_verify.files import write_whole
from villani_verify.landscape import Landscape
from villani_verify.theory.langevin.observables import Array

VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands.

    Attributes:
        step: the next step to take.
        states: shape (M, d).
        records: what was recorded so far, shape (R, M, columns).
    """

    step: int
    states: Tensor
    records: Array


def save_checkpoint(path: Path, settings: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    """Write a checkpoint; an older one stays whole if that fails.

    Raises:
        OutputError: if it cannot be written.
    """
    stream = io.BytesIO()
    np.savez(
        stream, settings=np.array(json.dumps({"version": VERSION, **settings}, sort_keys=True)), step=np.array(checkpoint.step),
        states=checkpoint.states.cpu().numpy(), records=checkpoint.records,
    )  # fmt: skip
    try:
        write_whole(path, stream.getbuffer())
    except OSError as e:
        raise OutputError(f"checkpoint {str(path)!r}: it cannot be written ({e.strerror}); give another --out") from e


_UNSAID = {"noise drawn by": "processor", "directions in": "torch.float64"}  # of files of earlier versions


def load_checkpoint(path: Path, settings: Mapping[str, Any], like: Tensor) -> Checkpoint:
    """Read a checkpoint of a run with these settings, its states on the device and in the dtype of `like`.

    Raises:
        RequestError: if it is damaged, or was made with other settings.
    """
    where = f"checkpoint {str(path)!r}"
    try:
        with np.load(path, allow_pickle=False) as file:
            _check_entries(file.zip, path.stat().st_size)
            stored = _UNSAID | dict(json.loads(str(file["settings"])))
            step, states, records = int(file["step"]), torch.from_numpy(file["states"]), file["records"].astype(np.float64)
    # Of a damaged archive zipfile, zlib, numpy and torch raise nearly every class, and MemoryError for a length that is none.
    except Exception as e:
        raise RequestError(f"{where}: it is damaged ({type(e).__name__}); remove it, or run without --resume") from e
    for name, value in {"version": VERSION, **settings}.items():
        if stored.get(name) != value:
            raise RequestError(
                f"{where}: it was made with {name} {stored.get(name)!r}, not {value!r}; give the same settings, or another --out"
            )
    return Checkpoint(step, states.to(like.device, like.dtype), records)


def _check_entries(archive: zipfile.ZipFile, size: int) -> None:
    """Check that no entry is larger than it says, and all together no larger than the file: they are written without packing."""
    if sum(entry.file_size for entry in archive.infolist()) > size:
        raise ValueError("entries larger than the file")
    for entry in archive.infolist():
        with archive.open(entry) as stream:
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(stream)]
            shape, _, dtype = read(stream)
            if math.prod(shape) * dtype.itemsize > entry.file_size:
                raise ValueError("an array larger than its entry")


def check_fits(path: Path, checkpoint: Checkpoint, states: tuple[int, ...], every: int, columns: int) -> None:
    """Check that a checkpoint has the shapes of its run.

    Args:
        path: where it is.
        checkpoint: what was read.
        states: shape (M, d).
        every: steps between records.
        columns: of a record.

    Raises:
        RequestError: if it has not.
    """
    records = (-(-checkpoint.step // every), states[0], columns)
    if checkpoint.step < 0 or tuple(checkpoint.states.shape) != states or checkpoint.records.shape != records:
        raise RequestError(
            f"checkpoint {str(path)!r}: it is damaged (its arrays are not of a run like this); remove it, or run without --resume"
        )


def fingerprint(landscape: Landscape) -> str:
    """Return a digest of θ₀ and of the loss there, so that a run does not go on on another landscape."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in landscape.initial.items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {landscape.decay[name]!r}\0".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    # Not the last digits, which depend on the number of threads.
    digest.update(f"{landscape.loss(landscape.initial):.6e}".encode())
    return digest.hexdigest()
