"""Bounded memory: work is done in chunks, and out of memory halves the chunk and says so."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import torch

from villani_verify.errors import DeviceError
from villani_verify.notes import Note


class Halvable(Protocol):
    """Work that can be done in smaller batches: a landscape."""

    @property
    def batches(self) -> tuple[Any, ...]:
        """What is done one after the other."""

    @property
    def device(self) -> torch.device:
        """Where its memory is."""

    def halved(self) -> Self | None:
        """Return the same work in smaller batches, or None if there are none smaller."""


T = TypeVar("T")
H = TypeVar("H", bound=Halvable)


class MemoryNote(Note):
    """Memory ran out and the work went on in smaller chunks; results do not change, time does."""


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether `error` is an allocator's refusal, on any device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and ("not enough memory" in str(error) or "can't allocate memory" in str(error))


def release() -> None:
    """Give cached memory back after a failed attempt."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def halving_batches(compute: Callable[[H], T], landscape: H) -> T:
    """Return `compute(landscape)`, with its batches halved for as long as memory runs out.

    Raises:
        DeviceError: if memory runs out with a single row in each batch.
    """
    smaller: H | None = landscape
    while smaller is not None:
        try:
            return compute(smaller)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        release()
        smaller = smaller.halved()
        if smaller is not None:
            warnings.warn(f"out of memory: going on with every batch cut in two, {len(smaller.batches)} in all", MemoryNote, 2)
    raise DeviceError(
        f"device {landscape.device}: out of memory with one row a batch; shorten the sequences, or use a larger device "
        "or --dtype float32"
    )


def in_passes_of_rows(one_pass: Callable[[torch.Tensor], None], rows: torch.Tensor, device: torch.device, *, per_pass: int) -> None:
    """Call `one_pass` on consecutive rows, on fewer at once where memory runs out.

    Args:
        one_pass: (some rows) ↦ None. Where memory runs out it must not have kept anything.
        rows: all of them.
        device: named in the error.
        per_pass: rows of one call, at first.

    Raises:
        DeviceError: if memory runs out with one row.
    """
    in_passes(lambda _, chunk: one_pass(rows[chunk[0] : chunk[-1] + 1]), _Undivided(device), range(len(rows)), per_pass=per_pass)


@dataclass(frozen=True)
class _Undivided:
    """Work whose batches stay as they are."""

    device: torch.device
    batches: tuple[Any, ...] = ()

    def halved(self) -> None:
        """There is nothing smaller."""


def in_passes(
    one_pass: Callable[[H, Sequence[int]], None], landscape: H, indices: Sequence[int], *, per_pass: int, least: int = 1
) -> None:
    """Call `one_pass` on consecutive probes; on fewer at once where memory runs out, and then with the batches halved.

    Args:
        one_pass: (landscape, indices of some probes) ↦ None. Where memory runs out it must not have kept anything.
        landscape: passed on, with smaller batches if need be.
        indices: of all probes.
        per_pass: probes of one call, at first.
        least: that number is a multiple of this one, and at least as large.

    Raises:
        DeviceError: if memory runs out with the fewest probes and a single row in each batch.
    """
    # As many passes as that takes, all about equally large.
    passes = max(1, -(-len(indices) // max(1, per_pass)))
    per_pass = max(least, min(per_pass // least, -(-len(indices) // passes // least)) * least)
    done = 0
    while done < len(indices):
        chunk = indices[done : done + per_pass]
        try:
            if per_pass == least:
                halving_batches(lambda smaller, c=chunk: one_pass(smaller, c), landscape)  # type: ignore[misc]
            else:
                one_pass(landscape, chunk)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            per_pass = max(least, per_pass // 2 // least * least)
            release()
            warnings.warn(f"out of memory: going on with {per_pass} probes a pass", MemoryNote, 2)
            continue
        done += len(chunk)
