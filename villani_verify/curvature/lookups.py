"""The rows of parameters that a program looks up."""

from __future__ import annotations

import torch
from torch import Tensor


class Lookups:
    """Which rows a program looks up, found once: every pass over the same batch looks up the same."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._known: dict[tuple[str, int], tuple[Tensor, Tensor]] = {}

    def distinct(self, name: str, call: int, places: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the places, with those before, each once and in order, and where among them each of `places` is.

        Args:
            name: of the parameter.
            call: which of the pass's lookups in that parameter.
            places: of the rows, any shape.
            before: what the lookup before this one returned, if there was one.
        """
        if (name, call) not in self._known:
            wanted = places.reshape(-1) if before is None else torch.cat([places.reshape(-1), before])
            # How many there are decides a shape, so a GPU has to be waited for.
            distinct, inverse = torch.unique(wanted, return_inverse=True)
            self._known[name, call] = distinct, inverse[: places.numel()].reshape(places.shape)
        return self._known[name, call]
