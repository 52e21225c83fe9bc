"""Requests to stop, from the keyboard (SIGINT) or the system (SIGTERM), remembered until they are dealt with.

A handler that raises KeyboardInterrupt is not enough: where torch runs Python from C++ the exception comes out as a
RuntimeError, or is taken for a failure to which there is an alternative. So the request is remembered as well, and
errors that come after it are understood as its consequence.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SAME = 5.0  # seconds in which further requests are the same one, said again: the work is to end well within them
_requested = False
_raised = -math.inf


@contextmanager
def signals_remembered() -> Iterator[None]:
    """Let both signals raise KeyboardInterrupt and be remembered; puts the handlers of before back at the end."""
    global _requested, _raised
    _requested, _raised = False, -math.inf
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What is ignored, as in a process started with nohup, stays ignored.
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


@contextmanager
def errors_as_interrupt() -> Iterator[None]:
    """Turn whatever is raised after a request to stop into KeyboardInterrupt; the request is then dealt with."""
    global _requested
    try:
        yield
    except (Exception, KeyboardInterrupt) as e:
        if not _requested:
            raise
        _requested = False
        # What an interrupt says of what is kept stays with it.
        raise KeyboardInterrupt(*(e.args if isinstance(e, KeyboardInterrupt) else ())) from e


def stopping_on_request(progress: Callable[[str, int, int], None]) -> Callable[[str, int, int], None]:
    """Return a progress function that raises KeyboardInterrupt if a request to stop has been lost on its way."""

    def show(message: str, done: int, total: int) -> None:
        if _requested:
            raise KeyboardInterrupt
        progress(message, done, total)

    return show


def _interrupt(signum: int, frame: FrameType | None) -> None:
    global _requested, _raised
    _requested = True
    # A second one must not break off what keeps the results; that what it would stop hangs, a later one is for.
    if time.monotonic() - _raised >= _SAME:
        _raised = time.monotonic()
        raise KeyboardInterrupt
