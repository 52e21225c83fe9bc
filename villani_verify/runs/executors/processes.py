"""Processes of this machine: a unit that hangs is killed, and one that dies takes no other with it.

Each process has a pipe of its own and shares no lock with another, so that it can be killed at any moment. The pool of the standard
library breaks as a whole when one process dies, and so does pebble's when one dies that has no task. Processes are spawned, as
those that are forked after threads or CUDA were started can hang.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any

from villani_verify.errors import RequestError
from villani_verify.runs.executors import Opened, Pool
from villani_verify.runs.worker import take_place

_PATIENCE = 2.0  # seconds for processes that were killed to be gone
_FALSE_STARTS = 20  # processes in a row that end before they begin, after which there is no sense in starting more
_PAUSE = 0.2  # seconds before another is started then
_Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class WorkerLostError(Exception):
    """The process that computed it has ended, or was ended as it took too long."""


class ProcessExecutor(Executor):
    """Computes each call in one of `count` spawned processes; a process that is lost is replaced."""

    def __init__(self, count: int, *, seconds: float | None = None) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], _Call] | None] = SimpleQueue()
        self._closed = False
        self._false_starts = 0
        self._slots = [_Slot(i, seconds) for i in range(count)]
        # Started here, as it lets signals through to the thread that starts it.
        resource_tracker.ensure_running()
        self._threads = [threading.Thread(target=self._feed, args=(slot,), daemon=True) for slot in self._slots]
        for thread in self._threads:
            thread.start()
        atexit.register(self._stop)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future of a call; it ends in WorkerLostError if its process does, or takes too long.

        Raises:
            RequestError: if processes end before they begin, or the executor was shut down.
        """
        if self._closed:
            raise RequestError("executor: its processes were stopped; open another")
        if self._false_starts >= _FALSE_STARTS:
            raise RequestError(
                "executor: its processes end before they begin; look at the memory that is free, and use fewer of them, or local"
            )
        future: Future[Any] = Future()
        self._calls.put((future, (fn, args, kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the processes go: after the calls that were submitted, or at once where these are to be cancelled."""
        self._closed = True
        if cancel_futures:
            while not self._calls.empty():
                entry = self._calls.get()
                if entry is not None:
                    entry[0].cancel()
            self._stop()
        for _ in self._threads:
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join(_PATIENCE if cancel_futures else None)
            atexit.unregister(self._stop)

    def _stop(self) -> None:
        """End the processes, and start no more.

        At this process's end too, while its threads still run: one that ceased to run between starting a process and telling it
        what to be would leave it to complain of that.
        """
        for slot in self._slots:
            slot.kill()

    def _feed(self, slot: _Slot) -> None:
        """Give calls to one process, as long as there are some."""
        # Of a terminal's Ctrl-C, which goes to all processes, spawned ones hear nothing from their first moment on.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while (entry := self._calls.get()) is not None:
            future, call = entry
            if not future.set_running_or_notify_cancel():
                continue
            try:
                self._begin(slot)
                value = slot.compute(call)
            except BaseException as e:
                future.set_exception(e)
            else:
                future.set_result(value)
        slot.kill()

    def _begin(self, slot: _Slot) -> None:
        """Have a process in this slot; that one dies on its way is no fault of the call that waits for it."""
        while True:
            try:
                slot.begin()
                self._false_starts = 0
                return
            except _FalseStartError:
                self._false_starts += 1
                if self._closed or self._false_starts >= _FALSE_STARTS:
                    raise
                time.sleep(_PAUSE)


class _FalseStartError(WorkerLostError):
    pass


class _Slot:
    """A place for one process, which keeps its number, and so its device, when the process is replaced."""

    def __init__(self, index: int, seconds: float | None) -> None:
        self._index = index
        self._seconds = seconds
        self._context = multiprocessing.get_context("spawn")
        self._process: Any = None
        self._pipe: Connection | None = None
        self._starting = threading.Lock()
        self._killed = False

    def begin(self) -> None:
        """Start a process unless there is one, and wait until it is ready: the time of a call does not count that."""
        if self._process is not None and self._process.is_alive():
            return
        self._drop()
        with self._starting:
            if self._killed:
                raise WorkerLostError("it was stopped")
            here, there = self._context.Pipe()
            # A daemon: at the end of this process the standard library ends it, rather than wait for it.
            process = self._context.Process(target=_serve, args=(there, self._index, os.getpid()), daemon=True)
            try:
                process.start()
            except OSError as e:
                here.close()
                raise _FalseStartError(f"no process can be started ({e.strerror})") from e
            finally:
                there.close()  # so that the pipe ends when the process does
            self._process, self._pipe = process, here
        try:
            here.recv()
        except (EOFError, OSError) as e:
            raise _FalseStartError(f"a process ended before it began ({self._drop()})") from e

    def compute(self, call: _Call) -> Any:
        """Return the value of a call, or raise what it raises."""
        pipe = self._pipe
        assert pipe is not None, "a process has begun"
        try:
            pipe.send(call)
            if not wait([pipe, self._process.sentinel], self._seconds):
                self._drop()
                raise WorkerLostError(f"it took longer than {self._seconds:g} s")
            if not pipe.poll():  # what a process sent before it died would be in the pipe
                raise EOFError
            fine, value = pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError) as e:
            raise WorkerLostError(f"its process ended ({self._drop()})") from e
        if not fine:
            raise value
        return value

    def kill(self) -> None:
        """End the process, for good."""
        with self._starting:
            self._killed = True
            process = self._process
            if process is not None:
                process.kill()

    def _drop(self) -> str:
        """Let the process go, whatever it does, and say how it ended."""
        process, self._process = self._process, None
        if process is None:
            return "it is gone"
        process.kill()
        process.join(_PATIENCE)
        code = process.exitcode
        if self._pipe is not None:
            self._pipe.close()
        return f"exit code {code}"


def process_pool(count: int, *, seconds: float | None = None) -> Pool:
    """Return a pool of spawned processes, each with a GPU of its own where there are several.

    Args:
        count: of processes.
        seconds: after which a call is killed; None for never. By a clock that is never set.

    Raises:
        RequestError: if this machine lets no more threads or pipes be made.
    """
    try:
        executor = ProcessExecutor(count, seconds=seconds)
    except (OSError, RuntimeError) as e:
        raise RequestError(f"executor 'processes:{count}': they cannot be started ({e}); use fewer") from e
    return Opened(executor, lambda: count, lambda: executor.shutdown(cancel_futures=True))


def _serve(pipe: Connection, index: int, coordinator: int) -> None:
    """Be a process: compute what comes through the pipe until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(coordinator)
    take_place(index)
    pipe.send(None)
    while True:
        try:
            fn, args, kwargs = pipe.recv()
        except (EOFError, OSError):  # the coordinator has gone
            return
        except Exception as e:  # what is to be called is not to be found here
            pipe.send((False, e))
            continue
        try:
            answer: tuple[bool, Any] = True, fn(*args, **kwargs)
        except Exception as e:
            answer = False, e
        try:
            pipe.send(answer)
        except (EOFError, OSError):
            return
        except Exception as e:  # it cannot be pickled
            pipe.send((False, TypeError(f"{type(e).__name__}: {e}")))


def _end_with(coordinator: int) -> None:
    """End this process soon after the coordinator has died, which cannot tell it so when it is killed."""

    def watch() -> None:
        while os.getppid() == coordinator:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
