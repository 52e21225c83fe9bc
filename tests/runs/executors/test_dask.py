"""On a cluster of this machine: a scheduler and two workers of one thread, each with a nanny that starts another when it dies."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.runs.faults import faulty
from tests.runs.faults.site import REPOSITORY, Site, until
from villani_verify.errors import RequestError
from villani_verify.runs.executors import pool_of

pytest.importorskip("distributed", reason="Dask is an optional extra")


@dataclass
class Cluster:
    """Processes of a cluster; workers are found by what their nannies started."""

    directory: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """Where the scheduler says how it is reached."""
        return self.directory / "scheduler.json"

    def start(self, orders: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", faulty.ORDERS: str(orders)}
        scheduler = ["scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(self.file)]
        worker = ["worker", "--scheduler-file", str(self.file), "--nthreads", "1", "--nworkers", "2", "--no-dashboard"]
        for command in (scheduler, [*worker, "--local-directory", str(self.directory)]):
            output = (self.directory / f"{command[0]}.log").open("wb")
            program = [sys.executable, "-m", f"distributed.cli.dask_{command[0]}", *command[1:]]
            self.processes.append(
                subprocess.Popen(program, env=environment, cwd=REPOSITORY, stdout=output, stderr=output, start_new_session=True)
            )
            until(self.file.exists)

    def stop(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site", units=100)


@pytest.fixture
def cluster(tmp_path: Path, site: Site) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    try:
        cluster.start(site.orders_file)
        yield cluster
    finally:
        cluster.stop()


def undisturbed(tmp_path: Path) -> str:
    site = Site(tmp_path / "undisturbed", units=100)
    process = site.fork()
    process.join()
    assert process.exitcode == 0, site.output()
    return site.fingerprint()


def test_workers_are_killed_and_the_scheduler_goes(tmp_path: Path, site: Site, cluster: Cluster) -> None:
    expected = undisturbed(tmp_path)
    rng = random.Random(5)
    site.order(seconds=0.05)
    process = site.start("--executor", f"dask:{cluster.file}")
    for enough in (5, 20):  # a worker is killed when so many units are finished
        until(lambda enough=enough: site.ended() >= enough)
        working = sorted({pid for _, _, pid in site.trace()[-4:]})
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(working), signal.SIGKILL)
    until(lambda: site.ended() >= 40)
    started = time.monotonic()
    os.kill(cluster.processes[0].pid, signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert time.monotonic() - started < 20
    assert process.returncode == 2, err
    errors = [line for line in err.splitlines() if not line.startswith("[")]
    assert len(errors) == 1, err
    assert "its scheduler has gone" in errors[0]
    assert "start another, and use --resume" in errors[0]
    kept = set(site.kept())
    assert len(kept) >= 30
    cluster.stop()

    # On with another executor: the bits are the same.
    site.order()
    before = site.ended()
    again = site.fork()
    again.join()
    assert again.exitcode == 0, site.output()
    assert site.ended() - before == 100 - len(kept)
    assert site.fingerprint() == expected


def test_a_stop_ends_soon_and_keeps_what_is_finished(site: Site, cluster: Cluster) -> None:
    site.order(seconds=0.05, cheap=True)
    process = site.start("--executor", f"dask:{cluster.file}")
    until(lambda: site.ended() >= 6)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - started < 5
    assert process.returncode == 130, err
    assert len(site.kept()) >= 5
    assert err.splitlines()[-1].startswith(f"villani-verify: interrupted; {len(site.kept())} of 100 units are kept")
    assert "Traceback" not in err


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "nonsense://x", "tcp://no-such-host.invalid:8786"])
def test_where_no_scheduler_answers(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("villani_verify.runs.executors.dask._PATIENCE", "0.5s")
    with pytest.raises(RequestError, match=r"no scheduler answers there .*start one with `dask scheduler`") as e:
        pool_of(f"dask:{address}")
    assert "\n" not in str(e.value)


def test_a_schedulers_file_must_be_there(tmp_path: Path) -> None:
    for content in (None, "", "{}", "[]", '{"address": 3}', "[" * 100_000):
        file = tmp_path / "scheduler.json"
        if content is not None:
            file.write_text(content)
        with pytest.raises(RequestError, match="the file has no scheduler's address") as e:
            pool_of(f"dask:{file}")
        assert "\n" not in str(e.value)


def test_where_dask_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RequestError, match=r"Dask is not installed; pip install 'villani-verify\[cluster\]'"):
        pool_of("dask:tcp://127.0.0.1:1")
