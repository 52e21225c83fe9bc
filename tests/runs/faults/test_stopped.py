"""A request to stop ends the campaign within five seconds, with everything that was finished kept."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.runs.faults.site import Site, command_of, until, workers_of

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
LIMIT = 5.0  # seconds


def check_stopped(site: Site, status: int | None, seconds: float, output: str) -> None:
    assert status == 130, output
    assert seconds < LIMIT
    kept = site.kept()
    last = output.splitlines()[-1]
    assert last == f"villani-verify: interrupted; {len(kept)} of 40 units are kept in {site.out}; --resume goes on"
    assert "Traceback" not in output
    assert "KeyboardInterrupt" not in output
    assert "leaked" not in output
    assert {n for event, n, _ in site.trace() if event == "ended"} <= set(kept)
    assert site.log()[-1]["event"] == "stopped"


def finish(site: Site, undisturbed: str) -> None:
    ended = site.ended()
    kept = len(site.kept())
    site.order()
    process = site.fork()
    process.join()
    assert process.exitcode == 0, site.output()
    assert site.ended() - ended == 40 - kept
    assert site.fingerprint() == undisturbed


@pytest.mark.parametrize(
    ("number", "orders"),
    [(signal.SIGINT, {"seconds": 0.1}), (signal.SIGTERM, {"seconds": 0.1}), (signal.SIGTERM, {"12": "hang"})],
    ids=["SIGINT", "SIGTERM", "SIGTERM while it hangs"],
)
def test_in_this_process(site: Site, undisturbed: str, number: signal.Signals, orders: dict[str, object]) -> None:
    site.order(**orders)
    process = site.fork()
    until(lambda: site.ended() >= 3 and ("seconds" in orders or ("begun", 12) in {row[:2] for row in site.trace()}))
    started = time.monotonic()
    os.kill(process.pid, number)
    process.join()
    check_stopped(site, process.exitcode, time.monotonic() - started, site.output())
    finish(site, undisturbed)


@SIGNALS
def test_in_processes(site: Site, undisturbed: str, number: signal.Signals) -> None:
    """Ctrl-C on a terminal goes to the workers as well; what the system sends, to the coordinator alone."""
    # One hangs, so that not all can be waited for; the other goes on with others.
    site.order(**{"1": "hang"}, seconds=0.1)
    process = site.start("--executor", "processes:2")
    until(lambda: site.ended() >= 3)
    workers = workers_of(process.pid)
    started = time.monotonic()
    for target in [process.pid, *(workers if number == signal.SIGINT else [])]:
        os.kill(target, number)
    _, err = process.communicate()
    check_stopped(site, process.returncode, time.monotonic() - started, err)
    assert not any(b"spawn_main" in command_of(w) for w in workers)
    finish(site, undisturbed)


def test_while_processes_start(site: Site) -> None:
    """They hear nothing of it, though they have not said yet that they do not want to."""
    process = site.start("--executor", "processes:2")
    until(lambda: workers_of(process.pid))
    for target in [*workers_of(process.pid), process.pid]:
        os.kill(target, signal.SIGINT)
    started = time.monotonic()
    _, err = process.communicate(timeout=60)
    check_stopped(site, process.returncode, time.monotonic() - started, err)


def test_a_stop_is_a_stop_even_when_it_is_asked_for_again_and_again(site: Site, undisturbed: str) -> None:
    site.order(**{"1": "hang"}, seconds=0.05)  # so that it waits two seconds for that one
    process = site.start("--executor", "processes:2")
    until(lambda: site.ended() >= 2)
    started = time.monotonic()
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, err = process.communicate(timeout=60)
    check_stopped(site, process.returncode, time.monotonic() - started, err)
    finish(site, undisturbed)
