"""Disks that are full, and clocks that jump."""

from __future__ import annotations

import random
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.faults.site import Site


def finish(site: Site, undisturbed: str, kept: set[int]) -> None:
    """Go on when there is room again."""
    assert set(site.kept()) == kept
    before = site.ended()
    process = site.fork()
    process.join()
    assert process.exitcode == 0, site.output()
    assert site.ended() - before == 40 - len(kept)
    assert site.fingerprint() == undisturbed


# Where it ends: at the landscape, at the store, at its write-ahead file soon, and later.
@pytest.mark.parametrize("most", [300, 10_000, 60_000, 120_000])
def test_no_file_may_grow_beyond(site: Site, undisturbed: str, most: int) -> None:
    process = site.fork(first=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    process.join()
    assert process.exitcode == 2, site.output()
    errors = [line for line in site.output().splitlines() if not line.startswith("[")]
    assert len(errors) == 1
    assert errors[0].startswith(f"villani-verify: error: {'store' if most > 1000 else 'directory'} '{site.out}")
    assert "cannot be written" in errors[0]
    kept = set(site.kept())
    assert bool(kept) == (most > 50_000)
    # All that was computed is kept, but for the one for which there was no room.
    assert site.ended() - len(kept) <= 1
    finish(site, undisturbed, kept)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", disk], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_the_disk_is_full(site: Site, undisturbed: str, small_disk: Path) -> None:
    site.out = small_disk / "out"
    process = site.fork()
    process.join()
    assert process.exitcode == 2, site.output()
    errors = [line for line in site.output().splitlines() if not line.startswith("[")]
    assert len(errors) == 1
    assert "what was kept before is whole: make room or mend the rights, and use --resume" in errors[0]
    kept = set(site.kept())
    assert 0 < len(kept) < 40
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    finish(site, undisturbed, kept)


def test_the_clock_jumps(site: Site, undisturbed: str) -> None:
    rng, clock = random.Random(3), time.time

    def jump() -> None:
        time.time = lambda: clock() + rng.uniform(-1e7, 1e7)
        gmtime = time.gmtime
        time.gmtime = lambda *a: gmtime(*(a or (time.time(),)))

    process = site.fork(first=jump)
    process.join()
    assert process.exitcode == 0, site.output()
    assert site.fingerprint() == undisturbed
    assert site.ended() == 40
    times = [row["time"] for row in site.log()]
    assert times != sorted(times) or len(set(times)) > 1  # it did jump
