"""Wall-clock time of calls, with whatever a GPU still has to do inside the measured time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def seconds_of(call: Callable[[], Any], device: str) -> float:
    """Return the seconds that a call takes until its results are there."""
    started = time.perf_counter()
    call()
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
    return time.perf_counter() - started


def median_seconds(call: Callable[[], Any], device: str, *, repeats: int) -> float:
    """Return the median over repeated calls. The first one ever exports and touches memory: let it pass before."""
    return statistics.median(seconds_of(call, device) for _ in range(repeats))


def median_ratio(call: Callable[[], Any], unit: Callable[[], Any], device: str, *, repeats: int) -> float:
    """Return the seconds of a call over those of another, in turn: what slows the machine down for a while slows both."""
    return statistics.median(seconds_of(call, device) / seconds_of(unit, device) for _ in range(repeats))
