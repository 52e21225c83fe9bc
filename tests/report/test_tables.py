from __future__ import annotations

from villani_verify.report.tables import cost_table, facts, witness_table


def test_bounded_family(build):
    table = witness_table(build.bounded_witness())
    assert table.columns == ("r", "‖θ‖", "L", "‖∇F‖²", "ΔF", "s*", "interval of s*", "Ψ at s = 0.02", "interval of Ψ")
    assert len(table.rows) == 3
    assert table.rows[0] == ("10", "10", "0.5", "1", "100", "0.01", "[0.0099, 0.0101]", "−50", "[−51, −49]")


def test_exact_values_have_no_interval(build):
    witness = build.bounded_witness() | {"claimed": [build.point(1.0, 4.0, -2.0), build.point(10.0, 4.0, 2.0)]}
    assert [(r[5], r[6], r[8]) for r in witness_table(witness).rows] == [("∞", "exact", "exact"), ("2", "exact", "exact")]


def test_slow_growth_including_the_origin():
    claimed = [{"radius": 0.0, "value": 1.0}, {"radius": 10.0, "value": 2.0}]
    table = witness_table({"kind": "slow-growth", "parameters": [1.0, 11.0], "claimed": claimed})
    assert table.columns == ("r", "‖θ‖", "F", "F/‖θ‖²")
    assert table.rows == (("1", "0", "1", "–"), ("11", "10", "2", "0.02"))


def test_kink():
    table = witness_table({"kind": "ray-kink", "flaw": "jump", "order": 2, "a": 0.118177300366, "b": 0.118177300424, "size": 0.43})
    assert table.rows == (("jump", "2", "0.118177300366", "0.118177300424", "0.43"),)


def test_unknown_kind_has_no_table():
    assert witness_table({"kind": "of the future"}).rows == ()


def test_cost_adds_up(build):
    table = cost_table(build.all_criteria())
    assert table.columns == ("criterion", "losses", "gradients", "matvecs", "jets", "seconds")
    assert [r[0] for r in table.rows][-1] == "together"
    assert table.rows[-1][1:] == ("15", "10", "80", "0", "6.2")


def test_facts_flatten_one_level():
    packages = {"torch": "2.13", "numpy": "2.4"}
    found = facts({"python": "3.11", "packages": packages, "device_memory_bytes": 2**30, "name": None, "empty": {}})
    assert found == [
        ("python", "3.11"),
        ("packages", "torch 2.13, numpy 2.4"),
        ("device memory", "1.0 GiB"),
        ("name", "–"),
        ("empty", "–"),
    ]
