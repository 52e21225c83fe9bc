"""Units that raise, exit, die, hang or give what is no result are reported; the others complete."""

from __future__ import annotations

from tests.runs.faults.site import Site
from villani_verify.runs.campaign import open_directory

LOST = "its worker was lost or took too long (WorkerLostError: "
# Number → what goes wrong, how its sentence begins, and attempts: one where the next would be the same.
IN_LANDSCAPES = {
    1: ("raise", "ZeroDivisionError: by order", 3),
    2: ("exit", "SystemExit: 7", 3),
    4: ("strange", "its result is no plain JSON (Object of type object is not JSON serializable", 1),
    6: ("infinite", "its result is no plain JSON (Out of range float values are not JSON compliant", 1),
    9: ("surrogate", r"ValueError: \udcff", 3),
}
IN_PROCESSES = {
    3: ("die", LOST + "its process ended (exit code 7))", 3),
    5: ("killed", LOST + "its process ended (exit code -9))", 3),
    8: ("hang", LOST + "it took longer than 1 s)", 3),
}


def check_failures(site: Site, expected: dict[int, tuple[str, str, int]], output: str) -> None:
    """Check what is said of units that failed, and that each was tried as often as it should be, and the others once."""
    assert f"{40 - len(expected)} of 40 units finished, {len(expected)} failed." in output
    assert "Traceback" not in output
    with open_directory(site.out) as store:
        found = {n: (sentence, attempts) for n, sentence, attempts in store.failures()}
    assert set(found) == set(expected)
    for n, (_, beginning, attempts) in expected.items():
        assert found[n][0].startswith(beginning)
        assert found[n][1] == attempts
        assert f"Unit {n} failed ({attempts} attempts): {beginning}" in output
    begun = [n for event, n, _ in site.trace() if event == "begun"]
    assert {n: begun.count(n) for n in range(40)} == {n: expected[n][2] if n in expected else 1 for n in range(40)}
    assert set(site.kept()) == set(range(40)) - set(expected)
    assert {row["unit"] for row in site.log() if row["event"] == "failed"} == set(expected)


def test_landscapes_that_misbehave(site: Site, undisturbed: str) -> None:
    site.order(**{str(n): what for n, (what, _, _) in IN_LANDSCAPES.items()})
    process = site.fork()
    process.join()
    assert process.exitcode == 1
    check_failures(site, IN_LANDSCAPES, site.output())
    # When it is mended, only what failed is computed.
    site.order()
    before = site.ended()
    process = site.fork()
    process.join()
    assert process.exitcode == 0, site.output()
    assert site.ended() - before == len(IN_LANDSCAPES)
    assert site.fingerprint() == undisturbed


def test_processes_that_die_or_hang(site: Site) -> None:
    site.order(**{str(n): what for n, (what, _, _) in IN_PROCESSES.items()}, cheap=True)
    process = site.start("--executor", "processes:2", "--unit-seconds", "1")
    out, err = process.communicate()
    assert process.returncode == 1, err
    check_failures(site, IN_PROCESSES, out + err)


def test_nothing_is_done_again_in_a_campaign_that_is_finished(site: Site) -> None:
    for _ in range(2):
        process = site.fork()
        process.join()
        assert process.exitcode == 0, site.output()
        assert site.ended() == 40
