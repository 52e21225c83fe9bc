"""The noise of samples of the Laplacian as one vector: which signs a pass asks for, and passes with others in their place.

A sample is a quadratic form zᵀBz in the signs z that the pass over the graph draws: directions of whole parameters, of rows that
were looked up, and noise that stands for a direction. To apply B to any other vector, the requests of one pass are recorded,
and later passes get their answers from the vector.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from villani_verify.curvature.addressed_probe import AddressedProbe
from villani_verify.curvature.probes import stacked_signs
from villani_verify.points import Point

Shape = tuple[int, ...]


class Requests:
    """What the passes over all batches ask for.

    Attributes:
        whole: parameters of which all signs are drawn.
        rows: parameter → places of the rows that are looked up, in order and each once.
        noise: (parameter, number of the batch) → shape of the noise that stands for its direction.
    """

    def __init__(self) -> None:
        self.whole: set[str] = set()
        self.rows: dict[str, Tensor] = {}
        self.noise: dict[tuple[str, int], Shape] = {}


def _independent(name: str, place: int, like: Tensor, shape: Shape, *, seed: int, indices: Sequence[int]) -> Tensor:
    return stacked_signs(f"{name} times batch {place}", shape, seed=seed, indices=indices, like=like)


class _VectorProbe(AddressedProbe):
    """A probe whose signs are parts of one vector, in which a sample is to be quadratic.

    Attributes:
        place: number of the batch.
    """

    def __init__(self, name: str, like: Tensor, place: int, indices: Sequence[int]) -> None:
        super().__init__(name, like, 0, indices)
        self.place = place

    def patterned(self, dtype: torch.dtype) -> None:
        """Parts of a vector are not products of others."""


class RecordingProbe(_VectorProbe):
    """A probe that notes what it is asked for."""

    def __init__(self, name: str, like: Tensor, place: int, requests: Requests) -> None:
        """Take the parameter, the number of the batch, and where to note."""
        super().__init__(name, like, place, (0,))
        self._requests = requests

    def stacked(self, lines: range) -> Tensor:
        """Return the signs of some probes."""
        self._requests.whole.add(self.name)
        return super().stacked(lines)

    def noise(self, lines: range, shape: Shape) -> Tensor:
        """Return signs that are independent of everything else."""
        self._requests.noise[self.name, self.place] = shape
        return _independent(self.name, self.place, self.like, shape, seed=self.seed, indices=[self.indices[k] for k in lines])

    def _rows_of(self, distinct: Tensor) -> Tensor:
        known = self._requests.rows.get(self.name)
        self._requests.rows[self.name] = distinct if known is None else torch.unique(torch.cat([known, distinct]))
        return super()._rows_of(distinct)


class GivenProbe(_VectorProbe):
    """A probe whose answers are parts of given vectors."""

    def __init__(self, name: str, like: Tensor, place: int, parts: Parts) -> None:
        """Take the parameter, the number of the batch, and the parts of K vectors."""
        super().__init__(name, like, place, range(parts.count))
        self._parts = parts

    def stacked(self, lines: range) -> Tensor:
        """Return the directions of some lines."""
        return self._parts.whole[self.name][lines.start : lines.stop]

    def noise(self, lines: range, shape: Shape) -> Tensor:
        """Return the noise that stands for some lines' direction."""
        return self._parts.noise[self.name, self.place][lines.start : lines.stop]

    def _rows_of(self, distinct: Tensor) -> Tensor:
        if self.name in self._parts.whole:
            return self._parts.whole[self.name][:, distinct]
        places, rows = self._parts.rows[self.name]
        return rows[:, torch.searchsorted(places, distinct)]


@dataclass(frozen=True)
class Parts:
    """K noise vectors, cut into the answers to the requests.

    Attributes:
        count: `K`.
        whole: parameter → (K, *its shape).
        rows: parameter → places, and rows (K, places, …).
        noise: (parameter, number of the batch) → (K, *shape).
    """

    count: int
    whole: Mapping[str, Tensor]
    rows: Mapping[str, tuple[Tensor, Tensor]]
    noise: Mapping[tuple[str, int], Tensor]


class NoiseVectors:
    """The vectors z in which a sample is a quadratic form.

    Attributes:
        size: n, their number of entries.
    """

    def __init__(self, point: Point, requests: Requests) -> None:
        """Lay the requests out one after the other."""
        self._point = point
        self._whole = sorted(requests.whole)
        # All rows of a parameter whose signs are drawn anyway are among them.
        self._rows = [(name, requests.rows[name]) for name in sorted(requests.rows) if name not in requests.whole]
        self._noise = sorted(requests.noise.items())
        self._shapes: list[Shape] = [
            *(tuple(point[name].shape) for name in self._whole),
            *((len(places), *point[name].shape[1:]) for name, places in self._rows),
            *(shape for _, shape in self._noise),
        ]
        self._sizes = [math.prod(shape) for shape in self._shapes]
        self.size = sum(self._sizes)

    def signs(self, seed: int, indices: Sequence[int]) -> Tensor:
        """Return the vectors of the samples with these addresses, shape (K, n)."""

        def probe(name: str) -> AddressedProbe:
            return AddressedProbe(name, self._point[name], seed, indices)

        drawn = [
            *(probe(name).stacked(range(len(indices))) for name in self._whole),
            *(probe(name).rows(places) for name, places in self._rows),
            *(
                _independent(name, place, self._point[name], shape, seed=seed, indices=indices)
                for (name, place), shape in self._noise
            ),
        ]
        return torch.cat([part.reshape(len(indices), -1) for part in drawn], 1)

    def parts(self, vectors: Tensor) -> Parts:
        """Cut K vectors, shape (K, n), into answers."""
        pieces = [v.reshape(len(vectors), *shape) for v, shape in zip(vectors.split(self._sizes, 1), self._shapes, strict=True)]
        whole, rows = len(self._whole), len(self._rows)
        return Parts(
            len(vectors),
            dict(zip(self._whole, pieces[:whole], strict=True)),
            {name: (places, piece) for (name, places), piece in zip(self._rows, pieces[whole : whole + rows], strict=True)},
            {key: piece for (key, _), piece in zip(self._noise, pieces[whole + rows :], strict=True)},
        )
