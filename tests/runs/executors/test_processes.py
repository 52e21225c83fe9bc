from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.runs.faults.site import until
from villani_verify.errors import RequestError
from villani_verify.runs.executors import Pool, pool_of
from villani_verify.runs.executors import processes as module
from villani_verify.runs.executors.processes import ProcessExecutor, WorkerLostError


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = pool_of("processes:2", seconds=20)
    yield pool
    started = time.monotonic()
    pool.close()
    assert time.monotonic() - started < 5


def test_calls_are_computed_in_other_processes(pool: Pool) -> None:
    assert pool.workers == 2
    futures = [pool.executor.submit(pow, 2, n) for n in range(20)]
    assert [f.result(60) for f in futures] == [2**n for n in range(20)]
    assert pool.executor.submit(os.getpid).result(60) != os.getpid()


def test_what_a_call_raises_is_raised(pool: Pool) -> None:
    with pytest.raises(ZeroDivisionError):
        pool.executor.submit(divmod, 1, 0).result(60)
    with pytest.raises(TypeError, match="pickle"):
        pool.executor.submit(threading.Lock).result(60)  # its value cannot be sent
    with pytest.raises((AttributeError, TypeError, Exception), match="pickle"):
        pool.executor.submit(lambda: 1).result(60)  # nor can this
    assert pool.executor.submit(pow, 2, 3).result(60) == 8  # the process is none the worse


def test_a_call_whose_process_dies_takes_no_other_with_it(pool: Pool) -> None:
    futures: list[Future[Any]] = []
    for _ in range(3):
        futures += [pool.executor.submit(os._exit, 7), pool.executor.submit(pow, 2, 5)]
    for dead, fine in zip(futures[::2], futures[1::2], strict=True):
        with pytest.raises(WorkerLostError, match="exit code 7"):
            dead.result(60)
        assert fine.result(60) == 32


def test_a_process_that_is_killed_when_it_has_nothing_to_do_is_replaced(pool: Pool) -> None:
    for _ in range(3):
        process = pool.executor.submit(os.getpid).result(60)
        os.kill(process, signal.SIGKILL)
        time.sleep(0.1)  # for it to be gone
    assert [f.result(60) for f in [pool.executor.submit(pow, 2, 5) for _ in range(4)]] == [32] * 4


def test_a_call_that_takes_too_long_is_killed_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    executor = ProcessExecutor(1, seconds=0.3)
    try:
        hanging = executor.submit(time.sleep, 600)
        with pytest.raises(WorkerLostError, match=r"it took longer than 0\.3 s"):
            hanging.result(60)
        assert executor.submit(pow, 2, 5).result(60) == 32
    finally:
        executor.shutdown(cancel_futures=True)


def test_letting_go_at_once_gives_up_what_is_computed_and_what_waits() -> None:
    pool = pool_of("processes:1")
    running, waiting = pool.executor.submit(time.sleep, 600), pool.executor.submit(pow, 2, 5)
    until(running.running)
    started = time.monotonic()
    pool.close()
    assert time.monotonic() - started < 5
    assert isinstance(running.exception(5), WorkerLostError)
    assert waiting.cancelled()
    with pytest.raises(RequestError, match="its processes were stopped"):
        pool.executor.submit(pow, 2, 5)
    pool.close()  # again, which does nothing


def test_as_an_executor_of_the_standard_library() -> None:
    with ProcessExecutor(2) as executor:
        assert list(executor.map(functools.partial(pow, 2), range(5))) == [1, 2, 4, 8, 16]
        last = executor.submit(time.sleep, 0.1)
    assert last.done()  # it waits for what was submitted


def test_processes_that_cannot_begin_are_not_started_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FALSE_STARTS", 2)
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    monkeypatch.setattr(module, "_serve", os._exit)  # of a wrong number of arguments: it fails in the child
    executor = ProcessExecutor(1)
    try:
        with pytest.raises(WorkerLostError, match="ended before it began"):
            executor.submit(pow, 2, 5).result(60)
        with pytest.raises(RequestError, match="its processes end before they begin"):
            executor.submit(pow, 2, 5)
    finally:
        executor.shutdown(cancel_futures=True)


def test_nothing_is_said_or_left_at_the_end() -> None:
    program = """
import os, time
from villani_verify.runs.executors import pool_of
if __name__ == "__main__":
    pool = pool_of("processes:2")
    print(sum(f.result() for f in [pool.executor.submit(pow, 2, n) for n in range(5)]))
    hanging = pool.executor.submit(time.sleep, 600)
    {close}
"""
    for close in ("pool.close()", "pass"):
        assert ended(program.replace("{close}", close)) == (0, "31\n", "")


def test_an_end_while_a_process_starts_leaves_none_half_told_what_to_be() -> None:
    program = """
import threading, time
from multiprocessing import util
from villani_verify.runs.executors import pool_of

spawn, spawned = util.spawnv_passfds, threading.Event()

def slowly(*arguments):
    process = spawn(*arguments)
    spawned.set()
    time.sleep(0.5)
    return process

if __name__ == "__main__":
    pool = pool_of("processes:1")
    util.spawnv_passfds = slowly
    pool.executor.submit(pow, 2, 5)
    spawned.wait()
"""
    assert ended(program) == (0, "", "")


def ended(program: str) -> tuple[int, str, str]:
    """Return the exit code of a program and what it printed."""
    root = str(Path(module.__file__).parents[3])
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr
