from __future__ import annotations

import json

from villani_verify.criteria import CRITERION_NAMES
from villani_verify.landscapes.zoo import ZOO


def test_every_landscape_is_listed_with_its_verdicts(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    outcome = run("zoo")
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    for name, entry in ZOO.items():
        symbols = " ".join({"supported": "S", "refuted": "R"}[entry.expected[c]] for c in CRITERION_NAMES)
        assert any(line.split()[0] == name and symbols in line for line in lines if line.strip())
    assert "S supported, R refuted" in outcome.out


def test_json_gives_reasons_too(run):
    listed = {entry["name"]: entry for entry in json.loads(run("zoo", "--json", "-").out)["landscapes"]}
    assert set(listed) == set(ZOO)
    assert listed["double-well"]["expected"] == dict(ZOO["double-well"].expected)
    assert all(entry["reason"] and entry["summary"] for entry in listed.values())
    assert listed["two-layer-zero-target"]["critical_temperature"] == 0.25
    assert listed["double-well"]["critical_temperature"] is None
