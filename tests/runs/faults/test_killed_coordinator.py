"""The coordinator is killed at any moment, as by a power cut; the same command goes on."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.runs.faults.site import Site, command_of, until, workers_of
from villani_verify.errors import RequestError
from villani_verify.runs.campaign import check_directory


@pytest.mark.parametrize("kills", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_at_random_moments(tmp_path: Path, undisturbed: str, kills: int) -> None:
    rng = random.Random(7)
    killed = campaigns = twice = 0
    while killed < kills:
        campaigns += 1
        site = Site(tmp_path / str(campaigns))
        site.order(seconds=0.005)  # so that many a kill falls between a unit's end and its result's being kept
        while True:
            before, already = set(site.kept()), len(site.trace())
            process = site.fork()
            if killed % 2:  # in the midst of units; the others at any moment, most of them before the first unit
                until(lambda site=site, already=already, p=process: len(site.trace()) >= already + 4 or p.exitcode is not None)
            process.join(rng.uniform(0.0, 0.4) if killed < kills else None)
            done = process.exitcode is not None
            if not done:
                process.kill()
                process.join()
                killed += 1
            computed = {number for event, number, _ in site.trace()[already:] if event == "begun"}
            assert not computed & before, "what was kept is not computed again"
            kept = set(site.kept())
            assert kept >= before, "what was kept stays"
            # All that it finished is there, but for the one that it was about to keep.
            finished = {number for event, number, _ in site.trace()[already:] if event == "ended"}
            assert len(finished - kept) <= (0 if done else 1)
            if done:
                assert process.exitcode == 0, site.output()
                break
        assert site.fingerprint() == undisturbed
        assert len(site.kept()) == site.units
        twice += site.ended() - site.units
    print(f"\n{killed} kills in {campaigns} campaigns of 40 units; {twice} units were computed twice; fingerprints equal")


def test_workers_of_a_killed_coordinator_end_soon(site: Site, undisturbed: str) -> None:
    site.order(seconds=0.3)
    process = site.start("--executor", "processes:2")
    until(lambda: site.ended() >= 2)
    workers = workers_of(process.pid)
    assert len(workers) == 2
    process.kill()
    process.communicate()
    until(lambda: not any(b"spawn_main" in command_of(w) for w in workers), 5)
    kept = set(site.kept())
    assert kept
    site.order(seconds=0)
    again = site.fork()
    again.join()
    assert again.exitcode == 0, site.output()
    assert site.fingerprint() == undisturbed


def test_two_coordinators_cannot_work_in_one_directory(site: Site, undisturbed: str) -> None:
    site.order(**{"20": "wait"})
    first = site.fork()
    until(lambda: site.ended() >= 1)
    started = time.monotonic()
    second = site.fork()
    second.join()
    assert second.exitcode == 2
    assert "another process is at work there" in site.output()
    assert time.monotonic() - started < 5
    site.order()
    first.join()
    assert first.exitcode == 0
    assert site.fingerprint() == undisturbed
    assert site.ended() == site.units


def test_a_directory_in_which_one_was_killed_early_can_be_used(site: Site, undisturbed: str) -> None:
    """What is left may be any of the files that are written first."""
    site.out.mkdir()
    (site.out / ".settings.json-abc").write_text("{")
    (site.out / "settings.json").write_text("{")
    (site.out / "runs.sqlite.new").write_bytes(b"SQLite format 3\0" + bytes(200))
    (site.out / "runs.sqlite.new-journal").write_bytes(bytes(600))
    process = site.fork()
    process.join()
    assert process.exitcode == 0, site.output()
    assert site.fingerprint() == undisturbed
    with pytest.raises(RequestError, match="use --resume"):
        check_directory(site.out, resume=False)
