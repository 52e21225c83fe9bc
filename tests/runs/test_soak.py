"""Campaigns one after the other in one process leave nothing behind: no memory, no open file, no thread."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.runs.stores import EXPECTED
from villani_verify.runs.campaign import begin, compute, held
from villani_verify.runs.coordinator import Computing
from villani_verify.runs.executors import pool_of
from villani_verify.runs.store import FILE
from villani_verify.runs.unit import Unit

PAGES_PER_MEBIBYTE = (1 << 20) // os.sysconf("SC_PAGE_SIZE")


def resident_mebibytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) / PAGES_PER_MEBIBYTE


def campaign(directory: Path, number: int) -> None:
    """Run one of 20 trivial units, with what the command does around it."""
    units = [Unit("trivial", "", {"number": number + i}) for i in range(len(EXPECTED))]
    with held(directory), begin(directory, {"type": "soak", "number": number}, units, resume=True) as store:
        pool = pool_of("local")
        assert compute(store, pool, Computing(), lambda *_: None).computed == len(units)
        pool.close()
        store.fingerprint()
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("campaigns", [30, pytest.param(2000, marks=pytest.mark.slow)])
def test_nothing_grows(tmp_path: Path, campaigns: int) -> None:
    """Files and threads are as many as at the beginning; memory has no slope over the last half.

    Slope: of a line through the resident memory after each campaign. It must be below 1 KiB a campaign, or not beyond three
    standard errors, which are those of means of tenths, as neighbours are not independent; and all it adds up to is below 4 MiB.
    """
    memory, files, threads = [], [], []
    for i in range(campaigns):
        campaign(tmp_path / "out", i)
        if i % 10 == 9:
            gc.collect()
        memory.append(resident_mebibytes())
        files.append(len(os.listdir("/proc/self/fd")))
        threads.append(threading.active_count())
    half = campaigns // 2
    assert len(set(files[half:])) == 1
    assert len(set(threads[half:])) == 1
    tenths = np.array([part.mean() for part in np.array_split(np.array(memory[half:]), 10)])
    x = np.arange(10.0)
    (slope, _), covariance = np.polyfit(x, tenths, 1, cov=True)
    slope, error = slope / (half / 10), np.sqrt(covariance[0, 0]) / (half / 10)
    print(
        f"\n{campaigns} campaigns: {files[half]} to {files[-1]} open files, {threads[half]} to {threads[-1]} threads, resident "
        f"{memory[0]:.1f} MiB after the first, {memory[half]:.1f} after half, {memory[-1]:.1f} at the end; slope "
        f"{slope * 1024:.3f} ± {error * 1024:.3f} KiB a campaign"
    )
    assert slope * 1024 < 1 or slope < 3 * error
    assert memory[-1] - memory[half] < 4
    assert not (tmp_path / "out" / FILE).exists()
