"""The options that say where units are computed, shared by all commands that compute some."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from villani_verify.errors import RequestError

if TYPE_CHECKING:
    from villani_verify.runs.executors import Pool

_HOW = "How to compute"
LOCAL = "local"
"""The executor that is this process."""

ExecutorOption = Annotated[
    str,
    typer.Option(
        metavar="WHERE",
        help="local, processes:N on this machine, or dask:ADDRESS for the workers of a Dask cluster. Results are the same bits.",
        rich_help_panel=_HOW,
    ),
]
"""`--executor`."""

UnitSeconds = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="With processes: a unit that takes longer is killed and tried again, three times in all. Default: never.",
        rich_help_panel=_HOW,
    ),
]
"""`--unit-seconds`."""


def check_options(executor: str, unit_seconds: float | None) -> None:
    """Check both options before any work; nothing is opened.

    Raises:
        RequestError: if one of them is out of range.
    """
    from villani_verify.runs.executors import check_executor

    if unit_seconds is not None and not 0 < unit_seconds < math.inf:
        raise RequestError(f"option --unit-seconds: {unit_seconds:g} is not a positive finite number; give one such as 3600")
    check_executor(executor)


@contextmanager
def opened(executor: str, unit_seconds: float | None) -> Iterator[Pool]:
    """Open the pool that was asked for by options that were checked, and let it go at the end."""
    from villani_verify.runs.executors import pool_of

    pool = pool_of(executor, seconds=unit_seconds)
    try:
        yield pool
    finally:
        pool.close()
