from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

PLAN = 'landscape = ["double-well"]\nradii = [0.01, 1.0]\nweight_decay = [0.01]\ncriteria = ["quadratic_growth"]\n'


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a finished campaign `a`, and one of another plan, `deep/b`, of which half is finished."""
    from villani_verify.cli import main

    root = tmp_path_factory.mktemp("campaigns")
    (root / "a.toml").write_text(PLAN, encoding="utf-8")
    (root / "b.toml").write_text(PLAN.replace("0.01, 1.0", "0.01, 2.0"), encoding="utf-8")
    assert main(["campaign", str(root / "a.toml"), "--out", str(root / "a")]) == 0
    assert main(["campaign", str(root / "b.toml"), "--out", str(root / "deep" / "b"), "--part", "1/2"]) == 0
    return root


def test_list_shows_every_campaign_below(run: Any, campaigns: Path) -> None:
    outcome = run("runs", "list", campaigns)
    assert outcome.status == 0
    first, second = outcome.out.splitlines()
    assert re.fullmatch(r".*/a  \d{4}-\d\d-\d\d \d\d:\d\d  5 of 5 units finished, 0 failed", first)
    assert re.fullmatch(r".*/deep/b  .*  3 of 5 units finished, 0 failed", second)


def test_list_of_a_directory_without_campaigns_is_empty(run: Any, tmp_path: Path) -> None:
    outcome = run("runs", "list", tmp_path)
    assert (outcome.status, outcome.out) == (0, "")


def test_list_names_a_damaged_store_and_goes_on(run: Any, campaigns: Path, tmp_path: Path) -> None:
    for name, content in (("x", b"not a store"), ("y", (campaigns / "a" / "runs.sqlite").read_bytes())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "runs.sqlite").write_bytes(content)
    outcome = run("runs", "list", tmp_path)
    assert outcome.status == 0
    assert "damaged" in outcome.out.splitlines()[0]
    assert "5 of 5 units finished" in outcome.out.splitlines()[1]


def test_show_says_how_far_it_is(run: Any, campaigns: Path) -> None:
    outcome = run("runs", "show", campaigns / "deep" / "b")
    assert outcome.status == 0
    assert "Units: 5, 3 finished, 0 failed, 2 pending" in outcome.out
    assert re.search(r"Fingerprint of the results: [0-9a-f]{32}\n", outcome.out)


def test_show_of_a_failed_unit_is_status_one(run: Any, campaigns: Path, tmp_path: Path) -> None:
    from villani_verify.runs.campaign import open_directory

    (tmp_path / "runs.sqlite").write_bytes((campaigns / "a" / "runs.sqlite").read_bytes())
    with open_directory(tmp_path) as store:
        store.fail(4, "there was no memory; use a larger machine", 3)
    outcome = run("runs", "show", tmp_path)
    assert outcome.status == 1
    assert "Unit 4 failed (3 attempts): there was no memory; use a larger machine" in outcome.out


def test_export_writes_each_table(run: Any, campaigns: Path, tmp_path: Path) -> None:
    for table, rows in (("points", 2), ("verdicts", 1), ("units", 5)):
        path = tmp_path / f"{table}.json"
        outcome = run("runs", "export", campaigns / "a", "--table", table, "--to", path)
        assert (outcome.status, outcome.out) == (0, f"{rows} rows: {path}\n")
        assert len(json.loads(path.read_text(encoding="utf-8"))) == rows
    assert run("runs", "export", campaigns / "a", "--to", tmp_path / "points.csv").status == 0
    assert (tmp_path / "points.csv").read_bytes() == (campaigns / "a" / "points.csv").read_bytes()


def test_merge_adds_what_is_new(run: Any, campaigns: Path, tmp_path: Path) -> None:
    into = tmp_path / "merged"
    assert "5 results added, 0 were there already" in run("runs", "merge", into, campaigns / "a").out
    assert "0 results added, 10 were there already" in run("runs", "merge", into, campaigns / "a", campaigns / "a").out


def test_stores_of_two_plans_are_not_merged_not_even_in_part(run: Any, campaigns: Path, tmp_path: Path) -> None:
    outcome = run("runs", "merge", tmp_path / "merged", campaigns / "a", campaigns / "deep" / "b")
    assert (outcome.status, outcome.out) == (2, "")
    assert "it was made with plan" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
    into = run("runs", "merge", campaigns / "deep" / "b", campaigns / "a")
    assert into.status == 2
    assert "3 finished" in run("runs", "show", campaigns / "deep" / "b").out


def test_salvage_keeps_what_is_whole(run: Any, campaigns: Path, tmp_path: Path) -> None:
    for name in ("runs.sqlite", "settings.json"):
        (tmp_path / name).write_bytes((campaigns / "a" / name).read_bytes())
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        connection.execute("UPDATE results SET result = replace(result, '\"loss\"', '\"lost\"') WHERE number = 0")
    connection.close()
    shown = run("runs", "show", tmp_path)
    assert (shown.status, shown.out) == (2, "")
    assert f"villani-verify runs salvage {tmp_path}" in shown.err
    outcome = run("runs", "salvage", tmp_path)
    assert outcome.status == 0
    assert "4 results kept, 1 units to compute" in outcome.out
    assert (tmp_path / "runs.sqlite.damaged-1").exists()
    assert run("campaign", campaigns / "a.toml", "--out", tmp_path, "--resume").status == 0
    wanted = run("runs", "show", campaigns / "a").out.splitlines()[-1]
    assert run("runs", "show", tmp_path).out.splitlines()[-1] == wanted


WRONG = {
    "list of nothing": (("list", "nowhere"), ("'nowhere'", "there is none")),
    "list of a file": (("list", "file"), ("'file'", "there is none")),
    "show of nothing": (("show", "nowhere"), ("nowhere/runs.sqlite", "there is none")),
    "show of a directory without a store": (("show", "."), ("runs.sqlite", "give the directory of a campaign")),
    "export of nothing": (("export", "nowhere", "--to", "a.csv"), ("there is none",)),
    "export to no format": (("export", "CAMPAIGN", "--to", "a.xyz"), ("'a.xyz'", ".parquet")),
    "export of no table": (("export", "CAMPAIGN", "--table", "point", "--to", "a.csv"), ("'point'", "'points'")),
    "export to a missing directory": (("export", "CAMPAIGN", "--to", "nowhere/a.csv"), ("nowhere/a.csv", "cannot be written")),
    "export to nowhere": (("export", "CAMPAIGN"), ("--to",)),
    "merge of nothing": (("merge", "into", "nowhere"), ("nowhere", "there is none")),
    "merge of no store": (("merge", "into"), ("DIR",)),
    "merge into a file": (("merge", "file", "CAMPAIGN"), ("'file'", "cannot be written")),
    "salvage of nothing": (("salvage", "nowhere"), ("nowhere", "settings.json")),
    "unknown command": (("lst",), ("lst",)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line(run: Any, campaigns: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("a file", encoding="utf-8")
    arguments, parts = WRONG[name]
    outcome = run("runs", *(str(campaigns / "a") if a == "CAMPAIGN" else a for a in arguments))
    assert (outcome.status, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    for part in parts:
        assert part in outcome.err
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
