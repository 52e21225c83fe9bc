"""A sample: rows that count as independent draws of one distribution, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from villani_verify.batches import Batch, rows
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape


@dataclass(frozen=True)
class Sample:
    """n rows, each one draw: a sequence of tokens, or an example with its target.

    The tokens of one sequence depend on each other, so the unit that n counts is the sequence; its loss is a mean over its tokens.

    Attributes:
        batch: tensor (n, …), or a pair of such tensors.
        origin: where they come from, in words.
        independent: whether they are independent and identically distributed by construction; otherwise that is assumed.
        seen: whether the parameters were trained on this text; None where that is not known here.
    """

    batch: Batch = field(repr=False)
    origin: str = "given"
    independent: bool = False
    seen: bool | None = None

    @property
    def size(self) -> int:
        """The number n of rows."""
        return rows(self.batch)

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.batch.device if isinstance(self.batch, Tensor) else self.batch[0].device


def sample_of(landscape: Landscape) -> Sample:
    """Return the rows that the landscape's own loss is a mean over, in one batch.

    Raises:
        RequestError: if the landscape has no rows, or rows of different shapes.
    """
    batches = landscape.batches
    where = f"landscape {landscape.name!r}"
    if all(isinstance(b, Tensor) and b.dim() for b in batches):
        parts = [[b] for b in batches]
    elif all(isinstance(b, tuple) and len(b) == 2 and all(isinstance(t, Tensor) and t.dim() for t in b) for b in batches):
        parts = [list(b) for b in batches]
        if any(len(b[0]) != len(b[1]) for b in parts):
            raise RequestError(f"{where}: a batch has not one target for each input, so its rows are no examples; mend the batches")
    else:
        raise RequestError(
            f"{where}: it has no data to draw from, so there is no bound of its generalisation; give a language model"
        )
    try:
        joined = [torch.cat(list(column)) for column in zip(*parts, strict=True)]
    except RuntimeError as e:
        raise RequestError(f"{where}: its batches have rows of different shapes; give rows of one length") from e
    return Sample(joined[0] if len(joined) == 1 else tuple(joined), f"the {rows(joined[0])} rows of the landscape itself")


def gather(batch: Batch, indices: Tensor) -> Batch:
    """Return some rows of a batch."""
    return batch[indices] if isinstance(batch, Tensor) else tuple(t[indices] for t in batch)


def joined(first: Batch, second: Batch) -> Batch:
    """Return the rows of two batches, one after the other."""
    if isinstance(first, Tensor):
        return torch.cat([first, second])
    return tuple(torch.cat([a, b]) for a, b in zip(first, second, strict=True))
