"""Requests to stop, from the keyboard (SIGINT) or the system (SIGTERM), remembered until they are dealt with.

A handler that raises KeyboardInterrupt is not enough: where torch runs Python from C++ the exception comes out as a
RuntimeError, or is taken for a failure to which there is an alternative. So the request is remembered as well, and
errors that come after it are understood as its consequence.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_requested = False


@contextmanager
def signals_remembered() -> Iterator[None]:
    """Let both signals raise KeyboardInterrupt and be remembered; puts the handlers of before back at the end."""
    global _requested
    _requested = False
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
        raise KeyboardInterrupt from e


def stopping_on_request(progress: Callable[[str, int, int], None]) -> Callable[[str, int, int], None]:
    """Return a progress function that raises KeyboardInterrupt if a request to stop has been lost on its way."""

    def show(message: str, done: int, total: int) -> None:
        if _requested:
            raise KeyboardInterrupt
        progress(message, done, total)

    return show


def _interrupt(signum: int, frame: FrameType | None) -> None:
    global _requested
    _requested = True
    raise KeyboardInterrupt
