from __future__ import annotations

import pytest

from villani_verify.runs.executors import pool_of


def test_a_future_is_done_when_it_is_given_back() -> None:
    pool = pool_of("local")
    assert pool.workers == 1
    assert pool.executor.submit(divmod, 7, 2).result(0) == (3, 1)
    failed = pool.executor.submit(divmod, 1, 0)
    assert failed.done()
    assert isinstance(failed.exception(), ZeroDivisionError)
    pool.close()


def stop() -> None:
    raise KeyboardInterrupt


def test_a_request_to_stop_is_raised_at_once() -> None:
    with pytest.raises(KeyboardInterrupt):
        pool_of("local").executor.submit(stop)
