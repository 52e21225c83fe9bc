from __future__ import annotations

import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from tests.runs.stores import EXPECTED, SETTINGS, UNITS, begun, contents, filled, result_of
from villani_verify.errors import OutputError, RequestError, VillaniError
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.runs.campaign import (
    Merged,
    begin,
    check_directory,
    compute,
    held,
    merge,
    open_directory,
    place,
    units_from,
)
from villani_verify.runs.coordinator import Computing
from villani_verify.runs.damage import DamagedStoreError
from villani_verify.runs.executors import pool_of
from villani_verify.runs.plan import Plan, settings_of
from villani_verify.runs.store import FILE
from villani_verify.runs.unit import canonical


def test_a_campaign_begins_once_and_goes_on_when_that_is_asked_for(tmp_path: Path) -> None:
    directory = tmp_path / "a"
    check_directory(directory, resume=False)
    filled(directory, [1]).close()
    for resume in (lambda: check_directory(directory, resume=False), lambda: begin(directory, SETTINGS, UNITS, resume=False)):
        with pytest.raises(RequestError, match="a campaign is there already; use --resume"):
            resume()
    check_directory(directory, resume=True)
    with begun(directory, resume=True) as store:
        assert contents(store) == {1: EXPECTED[1]}
    with pytest.raises(RequestError, match="it was made with plan"):
        begin(directory, SETTINGS | {"plan": {}}, UNITS, resume=True)


def test_other_directories_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for directory in (tmp_path, tmp_path / "file"):
        with pytest.raises(OutputError, match="give a new or an empty directory"):
            check_directory(directory, resume=True)
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    check_directory(tmp_path / "empty", resume=False)


def _hold(directory: Path, begun: object, over: object) -> None:
    with held(directory):
        begun.set()  # type: ignore[attr-defined]
        over.wait()  # type: ignore[attr-defined]


def test_a_directory_is_held_by_one_process_and_let_go_when_that_is_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, over = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path / "a", ready, over))
    process.start()
    assert ready.wait(60)
    with pytest.raises(OutputError, match="another process is at work there"), held(tmp_path / "a"):
        raise AssertionError
    process.kill()
    process.join()
    with held(tmp_path / "a"):
        pass


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), held(tmp_path / "file" / "a"):
        raise AssertionError


def test_settings_that_cannot_be_written_are_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("villani_verify.runs.campaign.write_whole", full)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"):
        begun(tmp_path / "a")
    assert list((tmp_path / "a").iterdir()) == []


def test_merging_is_a_union(tmp_path: Path) -> None:
    for name, numbers in (("a", range(0, 12)), ("b", range(8, 20))):
        filled(tmp_path / name, numbers).close()
    assert merge(tmp_path / "all", [tmp_path / "a", tmp_path / "b"]) == Merged(20, 4)
    assert merge(tmp_path / "all", [tmp_path / "b"]) == Merged(0, 12)
    assert merge(tmp_path / "b", [tmp_path / "b", tmp_path / "a"]) == Merged(8, 16)
    with open_directory(tmp_path / "all") as merged, open_directory(tmp_path / "b") as grown:
        assert contents(merged) == EXPECTED
        assert merged.fingerprint() == grown.fingerprint()
    with open_directory(tmp_path / "a") as untouched:
        assert set(contents(untouched)) == set(range(12))


def test_only_stores_of_one_campaign_are_merged_and_all_are_looked_at_first(tmp_path: Path) -> None:
    filled(tmp_path / "a").close()
    other = SETTINGS | {"plan": SETTINGS["plan"] | {"seed": 1}}
    (tmp_path / "other").mkdir()
    begin(tmp_path / "other", other, units_from(other), resume=False).close()
    filled(tmp_path / "damaged").close()
    data = (tmp_path / "damaged" / FILE).read_bytes()
    (tmp_path / "damaged" / FILE).write_bytes(data.replace(EXPECTED[7].encode(), EXPECTED[7].encode().upper()))
    for name, error in (("other", RequestError), ("damaged", DamagedStoreError), ("none", RequestError)):
        with pytest.raises(error):
            merge(tmp_path / "all", [tmp_path / "a", tmp_path / name])
        assert not (tmp_path / "all").exists()


def test_two_results_of_one_unit_are_not_merged(tmp_path: Path) -> None:
    filled(tmp_path / "a", [1]).close()
    with begun(tmp_path / "b") as store:
        store.record(result_of(1, value=2))
    with pytest.raises(RequestError, match="unit 1 has two different results"):
        merge(tmp_path / "a", [tmp_path / "b"])


def test_a_store_of_an_unknown_sort_has_no_units() -> None:
    with pytest.raises(RequestError, match="store of type 'x': unknown to this version"):
        units_from({"type": "x"})


def test_a_campaign_from_its_plan_to_its_results(tmp_path: Path) -> None:
    plan = Plan(landscape=(LandscapeRequest(landscape="isotropic-bowl"),), radii=(1.0, 2.0), weight_decay=(0.1, 0.5))
    directory = tmp_path / "a"
    with held(directory):
        settings = settings_of(plan, place(plan, directory))
        assert [p["decay"] for p in settings["landscapes"]] == [{"x": 0.1}, {"x": 0.5}] or len(settings["landscapes"]) == 2
        with begin(directory, settings, units_from(settings), resume=False) as store:
            pool = pool_of("local")
            outcome = compute(store, pool, Computing(), lambda *_: None)
            assert (outcome.computed, outcome.failed, outcome.stopped) == (4, 0, False)
            assert canonical(store.settings) == canonical(settings)
    events = [json.loads(line)["event"] for line in (directory / "log.jsonl").read_text().splitlines()]
    assert events == ["begun", "ended"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_directory_without_rights(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(VillaniError, match="cannot be written"), held(tmp_path):
        raise AssertionError
