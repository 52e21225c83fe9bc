"""The state of a run on disk: one npz file, written whole, without pickles."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
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
        write_whole(path, stream.getvalue())
    except OSError as e:
        raise OutputError(f"checkpoint {str(path)!r}: it cannot be written ({e.strerror}); give another --out") from e


def load_checkpoint(path: Path, settings: Mapping[str, Any], like: Tensor) -> Checkpoint:
    """Read a checkpoint of a run with these settings, its states on the device and in the dtype of `like`.

    Raises:
        RequestError: if it is damaged, or was made with other settings.
    """
    where = f"checkpoint {str(path)!r}"
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = json.loads(str(file["settings"]))
            step, states, records = int(file["step"]), torch.from_numpy(file["states"]), file["records"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as e:
        raise RequestError(f"{where}: it is damaged ({type(e).__name__}); remove it, or run without --resume") from e
    for name, value in {"version": VERSION, **settings}.items():
        if stored.get(name) != value:
            raise RequestError(
                f"{where}: it was made with {name} {stored.get(name)!r}, not {value!r}; give the same settings, or another --out"
            )
    return Checkpoint(step, states.to(like.device, like.dtype), records)


def fingerprint(landscape: Landscape) -> str:
    """Return a digest of θ₀ and of the loss there, so that a run does not go on on another landscape."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in landscape.initial.items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {landscape.decay[name]!r}\0".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    # Not the last digits, which depend on the number of threads.
    digest.update(f"{landscape.loss(landscape.initial):.6e}".encode())
    return digest.hexdigest()
