"""Rays through a landscape whose parameters stay in their files: each tensor of θ(r) is made when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from villani_verify.curvature.probes import normals, signs
from villani_verify.errors import RequestError
from villani_verify.points import StoredPoint, squared_norm

_DRAWN = {"isotropic": normals, "sign": signs}


@dataclass(frozen=True)
class StoredRay(StoredPoint):
    """θ(r) = base + r v for a drawn unit direction v, the same numbers as `Ray` makes of a landscape in memory.

    Attributes:
        initial: θ₀.
        kind: "isotropic" or "sign".
        seed: first part of v's address.
        index: second part.
        base: "origin" or "initial".
        length: of what is drawn, before it is divided by it.
        r: how far.
    """

    initial: StoredPoint
    kind: str
    seed: int
    index: int
    base: Literal["origin", "initial"]
    length: float
    r: float

    @property
    def templates(self) -> Mapping[str, Tensor]:
        """Tensors of the same shapes, dtypes and devices, whose values mean nothing."""
        return self.initial.templates

    def __getitem__(self, name: str) -> Tensor:
        """Make a tensor."""
        v = _drawn(self.initial, name, self.kind, self.seed, self.index) / self.length
        return v * self.r if self.base == "origin" else torch.add(self.initial[name], v, alpha=self.r)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self.initial)

    def __len__(self) -> int:
        """Count the tensors."""
        return len(self.initial)


def stored_ray(
    initial: StoredPoint, kind: str, *, seed: int, index: int, base: Literal["origin", "initial"]
) -> Callable[[float], StoredRay]:
    """Return r ↦ θ(r); the length of v is computed once, tensor by tensor.

    Raises:
        RequestError: if directions of this kind cannot be made tensor by tensor.
    """
    if kind not in _DRAWN:
        raise RequestError(f"rays of kind {kind!r}: they need all parameters at once; choose isotropic or sign for a stored model")
    length = math.sqrt(math.fsum(squared_norm(_drawn(initial, name, kind, seed, index)) for name in initial))
    return lambda r: StoredRay(initial, kind, seed, index, base, length, r)


def _drawn(initial: StoredPoint, name: str, kind: str, seed: int, index: int) -> Tensor:
    like = initial.templates[name]
    return _DRAWN[kind](name, like.shape, seed=seed, index=index, like=like)
