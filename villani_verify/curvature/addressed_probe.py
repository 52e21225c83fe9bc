"""The signs of several probes for one parameter, drawn from their address where Taylor arithmetic needs them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from villani_verify.curvature.probes import signs_of_rows, stacked_signs


class AddressedProbe:
    """The signs of K probes for one parameter, drawn from their address where they are needed.

    Attributes:
        name: of the parameter; part of the address.
        shape: of the parameter.
        like: an empty tensor of the parameter's dtype and device; the parameter itself may be freed meanwhile.
        seed: part of the address.
        indices: of the probes.
        place: number of the batch, part of the noise's address.
    """

    def __init__(self, name: str, like: Tensor, seed: int, indices: Sequence[int], place: int) -> None:
        self.name = name
        self.shape = like.shape
        self.like = like.new_empty(0)
        self.seed = seed
        self.indices = indices
        self.place = place
        self._seen: tuple[Tensor, Tensor] | None = None

    @property
    def count(self) -> int:
        """K."""
        return len(self.indices)

    @property
    def numbers(self) -> int:
        """Entries of the parameter."""
        return self.shape.numel()

    def stacked(self, lines: range) -> Tensor:
        """Return the signs of some probes, shape (len(lines), *shape of the parameter)."""
        chosen = [self.indices[k] for k in lines]
        return stacked_signs(self.name, self.shape, seed=self.seed, indices=chosen, like=self.like)

    def rows(self, places: Tensor) -> Tensor:
        """Return rows of the signs of all probes, shape (K, *shape of places, …), and remember which."""
        wanted = places.reshape(-1) if self._seen is None else torch.cat([places.reshape(-1), self._seen[0]])
        distinct, inverse = torch.unique(wanted, return_inverse=True)
        self._seen = distinct, self._rows_of(distinct)
        return self._seen[1][:, inverse[: places.numel()].reshape(places.shape)]

    def rows_seen(self) -> tuple[Tensor, Tensor] | None:
        """Return the places, in order and each once, and the signs (K, places, …) of the rows given so far, if any."""
        return self._seen

    def _rows_of(self, distinct: Tensor) -> Tensor:
        return signs_of_rows(self.name, self.shape, distinct.tolist(), seed=self.seed, indices=self.indices, like=self.like)

    def noise(self, lines: range, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return signs for some probes that are independent of everything else, shape (len(lines), *shape)."""
        address = f"{self.name} times batch {self.place}"
        chosen = [self.indices[k] for k in lines]
        return stacked_signs(address, shape, seed=self.seed, indices=chosen, like=self.like.new_empty(0, dtype=dtype))
