"""The executor that is nowhere else: what is submitted is computed at once, in this process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from villani_verify.runs.executors import Opened, Pool


class SerialExecutor(Executor):
    """Computes in `submit`, so that futures are done when they are given back."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future that is done. A request to stop is not kept in it but raised, as from any call."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as e:
            future.set_exception(e)
        return future


def serial_pool() -> Pool:
    """Return the pool of this process alone."""
    return Opened(SerialExecutor(), lambda: 1, lambda: None)
