"""The signs of several probes for one parameter, drawn from their address where Taylor arithmetic needs them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from villani_verify.curvature.lookups import Lookups
from villani_verify.curvature.probe_signs import PatternedSigns, patterned_signs, rows_of_probes, stacked_probes


class AddressedProbe:
    """The signs of K probes for one parameter, drawn from their address where they are needed.

    Attributes:
        name: of the parameter; part of the address.
        shape: of the parameter.
        like: an empty tensor of the parameter's dtype and device; the parameter itself may be freed meanwhile.
        seed: part of the address.
        indices: of the probes.
    """

    def __init__(self, name: str, like: Tensor, seed: int, indices: Sequence[int], lookups: Lookups | None = None) -> None:
        """Take the address, and where several passes look up the same rows what is known of them."""
        self.name = name
        self.shape = like.shape
        self.like = like.new_empty(0)
        self.seed = seed
        self.indices = indices
        self._lookups = Lookups() if lookups is None else lookups
        self._asked = 0
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
        return stacked_probes(self.name, self.shape, seed=self.seed, indices=chosen, like=self.like)

    def patterned(self, dtype: torch.dtype) -> PatternedSigns | None:
        """Return what the signs of all probes are made of, or None where they are drawn one by one."""
        return patterned_signs(
            self.name, self.shape, seed=self.seed, indices=self.indices, like=self.like.new_empty(0, dtype=dtype)
        )

    def rows(self, places: Tensor) -> Tensor:
        """Return rows of the signs of all probes, shape (K, *shape of places, …), and remember which."""
        distinct, inverse = self._lookups.distinct(self.name, self._asked, places, self._seen and self._seen[0])
        self._asked += 1
        self._seen = distinct, self._rows_of(distinct)
        return self._seen[1][:, inverse]

    def rows_seen(self) -> tuple[Tensor, Tensor] | None:
        """Return the places, in order and each once, and the signs (K, places, …) of the rows given so far, if any."""
        return self._seen

    def noise(self, lines: range, shape: tuple[int, ...]) -> Tensor | None:
        """Return signs for some probes that stand for what a matrix does to fewer vectors than it has columns, if there are any.

        Args:
            lines: which probes.
            shape: of the signs of one.

        Returns:
            Shape (len(lines), *shape), independent of all other signs; None where the matrix acts itself.
        """
        return None

    def _rows_of(self, distinct: Tensor) -> Tensor:
        return rows_of_probes(self.name, self.shape, distinct, seed=self.seed, indices=self.indices, like=self.like)
