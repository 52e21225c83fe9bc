"""The state of Langevin chains."""

from __future__ import annotations

import numpy as np
import torch

from fuzz.place import place
from fuzz.target import Target
from villani_verify.theory.langevin.checkpoint import Checkpoint, check_fits, load_checkpoint, save_checkpoint

_SETTINGS = {"landscape": "0" * 32, "steps": 8, "chains": 2}
_LIKE = torch.zeros(2, 3, dtype=torch.float64)


def seeds() -> list[bytes]:
    """Return a checkpoint, and an archive of another sort."""
    found = []
    with place() as directory:
        path = directory / "checkpoint.npz"
        for dtype in (torch.float64, torch.float32):
            save_checkpoint(path, _SETTINGS, Checkpoint(3, _LIKE.to(dtype), np.zeros((3, 2, 1))))
            found.append(path.read_bytes())
        np.savez_compressed(path, step=np.array("x"), states=np.zeros(10**5))
        return [*found, path.read_bytes()]


def read(data: bytes) -> None:
    """Load it."""
    with place() as directory:
        path = directory / "checkpoint.npz"
        path.write_bytes(data)
        found = load_checkpoint(path, _SETTINGS, _LIKE)
        check_fits(path, found, tuple(_LIKE.shape), 1, 1)
    assert found.records.dtype == np.float64


TARGET = Target(
    "checkpoint", "the state of Langevin chains", seeds, read,
    tokens=(b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY", b"'shape': (1000000000000,)", b"'descr': '<U9'",
         b"'descr': '|O'", b"'fortran_order': True"),
)  # fmt: skip
