from __future__ import annotations

import json


def test_a_report_is_rendered_again_from_its_results(run, landscapes, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    run("verify", "--landscape", f"{landscapes}:bowl", "--criteria", "quadratic_growth", "--out", first)
    outcome = run("report", first / "results.json", "--out", second)
    assert outcome.status == 0
    assert outcome.out == f"Report: {second / 'index.html'}\n"
    assert outcome.err == ""
    before, after = (json.loads((place / "results.json").read_text(encoding="utf-8")) for place in (first, second))
    assert before == after
    # What --resume goes on with belongs to the verification alone.
    assert {p.name for p in second.iterdir()} == {p.name for p in first.iterdir()} - {"run"}


def test_an_occupied_directory_is_refused_and_left_alone(run, landscapes, tmp_path):
    run("verify", "--landscape", f"{landscapes}:bowl", "--criteria", "quadratic_growth", "--json", tmp_path / "r.json")
    outcome = run("report", tmp_path / "r.json", "--out", tmp_path)
    assert outcome.status == 2
    assert "not empty" in outcome.err
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]
