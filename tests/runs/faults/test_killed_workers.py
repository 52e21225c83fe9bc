"""Workers are killed at any moment, as by the system when memory runs out."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.runs.faults.site import Site, workers_of


@pytest.mark.parametrize(("kills", "units"), [(3, 400), pytest.param(50, 8000, marks=pytest.mark.slow)])
def test_killed_at_random_moments(tmp_path: Path, kills: int, units: int) -> None:
    rng = random.Random(11)
    calm = Site(tmp_path / "calm", units)
    calm.order(cheap=True)
    process = calm.fork()
    process.join()
    assert process.exitcode == 0, calm.output()

    site = Site(tmp_path / "site", units)
    site.order(cheap=True, seconds=0.01)
    coordinator = site.start("--executor", "processes:2")
    killed = 0
    while coordinator.poll() is None:
        # While they start as well, for which a process needs from 0.3 s on a free processor.
        time.sleep(rng.uniform(0.0, 1.5))
        workers = workers_of(coordinator.pid)
        if workers and killed < kills:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(workers), signal.SIGKILL)
                killed += 1
    out, err = coordinator.communicate()
    assert coordinator.returncode == 0, err
    assert f"{units:,} of {units:,} units finished, 0 failed." in out
    assert "Traceback" not in err
    assert "leaked" not in err
    assert killed == kills
    assert site.fingerprint() == calm.fingerprint()
    # Nothing is computed twice to its end but what a worker had finished and not yet handed over.
    twice = site.ended() - units
    assert 0 <= twice <= kills
    tried = [row for row in site.log() if row["event"] == "tried"]
    assert len(tried) <= kills
    assert all("exit code -9" in row["why"] for row in tried)
    print(f"\n{killed} kills of 2 workers over {units} units; {len(tried)} units lost their worker, {twice} of them when finished")
