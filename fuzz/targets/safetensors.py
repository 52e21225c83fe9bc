"""Weights in safetensors."""

from __future__ import annotations

from fuzz.target import Target
from fuzz.targets.models import files, load


def seeds() -> list[bytes]:
    """Return the weights of a tiny model, and a header alone."""
    weights = files()[1]
    return [weights, (2).to_bytes(8, "little") + b"{}"]


def read(data: bytes) -> None:
    """Load a model with these weights."""
    load(files()[0], data)


TARGET = Target(
    "safetensors", "weights", seeds, read,
    tokens=(b'"dtype":"F64"', b'"dtype":"F8_E5M2"', b'"dtype":"I64"', b'"shape":[0]', b'"data_offsets":[0,0]', b"__metadata__"),
)  # fmt: skip
