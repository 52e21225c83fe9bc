"""Where units are computed: in this process, in several on this machine, or by the workers of a Dask cluster.

All three are executors in the sense of `concurrent.futures`; nothing else is asked of them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from villani_verify.errors import RequestError


class Pool(Protocol):
    """An executor and what the coordinator has to know about it."""

    @property
    def executor(self) -> Executor:
        """Takes functions and gives futures."""

    @property
    def workers(self) -> int:
        """How many units it can compute at the same time, now."""

    def close(self) -> None:
        """Let it go, at once: what it still computes is lost."""


@dataclass(frozen=True)
class Opened:
    """A pool made of its parts."""

    executor: Executor
    count: Callable[[], int]
    stop: Callable[[], None]

    @property
    def workers(self) -> int:
        """How many units it can compute at the same time, now."""
        return self.count()

    def close(self) -> None:
        """Let it go, at once."""
        self.stop()


def pool_of(description: str, *, seconds: float | None = None) -> Pool:
    """Open a pool.

    Args:
        description: "local" for this process, "processes:N", or "dask:ADDRESS", an address such as tcp://host:8786 or the
            scheduler's file.
        seconds: after which a unit counts as hanging; None for never. On processes it is then killed.

    Raises:
        RequestError: if there is no such pool, or it does not answer.
    """
    kind, rest = check_executor(description)
    if kind == "local":
        from villani_verify.runs.executors.serial import serial_pool

        return serial_pool()
    if kind == "processes":
        from villani_verify.runs.executors.processes import process_pool

        return process_pool(int(rest), seconds=seconds)
    from villani_verify.runs.executors.dask import dask_pool

    return dask_pool(rest)


def check_executor(description: str) -> tuple[str, str]:
    """Return the kind of a pool and what stands after the colon; nothing is opened.

    Raises:
        RequestError: if there is no such kind, or its number of processes is none.
    """
    kind, colon, rest = description.partition(":")
    if description == "local" or (kind == "dask" and rest):
        return kind, rest
    if kind == "processes" and colon:
        if not (rest.isascii() and rest.isdecimal() and len(rest) <= 4 and 1 <= int(rest) <= 1024):
            raise RequestError(f"executor {description!r}: {rest!r} is not a number of processes; give one such as processes:2")
        return kind, rest
    raise RequestError(f"executor {description!r}: unknown; give local, processes:N or dask:ADDRESS")
