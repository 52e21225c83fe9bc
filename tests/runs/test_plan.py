from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from villani_verify.criteria import CRITERION_NAMES
from villani_verify.errors import RequestError
from villani_verify.runs.campaign import place
from villani_verify.runs.placed import Placed
from villani_verify.runs.plan import Plan, plan_from, read_plan, settings_of, units_of
from villani_verify.runs.unit import Unit, canonical

SMALL: dict[str, Any] = {"landscape": ["double-well"], "radii": [1.0, 2.0]}
TEXT = """
landscape = ["double-well", {landscape = "gpt-neo-tiny", sequences = 2, no_decay = ["*.bias"]}]
weight_decay = [0.1, 1.0]
temperature = [0.01, 0.1]
directions = ["isotropic", "sign"]
rays = 3
base = "initial"
radii = {from = 1, to = 100, count = 3}
probes = 20
probes_per_unit = 8
engine = "reverse"
seed = 5
level = 0.99
criteria = ["smoothness"]
budget = "quick"
seeds = [0, 1]
device = "cpu"
threads = 2
"""


def placed(name: str = "a", dimension: int = 10, decay: float = 0.1) -> Placed:
    return Placed(
        name, f"digest of {name}", {"landscape": name, "weight_decay": decay}, dimension, {"x": decay}, {"x": dimension}, {}
    )


def units(plan: Plan, *landscapes: Placed) -> list[Unit]:
    return list(units_of(json.loads(canonical(settings_of(plan, landscapes)))))


def test_every_key_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(TEXT, encoding="utf-8")
    plan = read_plan(path)
    assert [r.landscape for r in plan.landscape] == ["double-well", "gpt-neo-tiny"]
    assert (plan.landscape[1].sequences, plan.landscape[1].no_decay) == (2, ("*.bias",))
    assert plan.radii == pytest.approx((1, 10, 100))
    assert (plan.weight_decay, plan.temperature) == ((0.1, 1.0), (0.01, 0.1))
    assert (plan.directions, plan.rays, plan.base) == (("isotropic", "sign"), 3, "initial")
    assert (plan.probes, plan.probes_per_unit, plan.engine, plan.seed, plan.level) == (20, 8, "reverse", 5, 0.99)
    assert (plan.criteria, plan.budget, plan.seeds, plan.device, plan.threads) == (("smoothness",), "quick", (0, 1), "cpu", 2)


def test_a_plan_comes_back_from_the_settings_of_its_store() -> None:
    plan = plan_from({**SMALL, "criteria": list(CRITERION_NAMES), "radii": {"from": 1, "to": 3, "count": 4}, "weight_decay": 0.3})
    settings = json.loads(canonical(settings_of(plan, [placed()])))
    assert plan_from(settings["plan"]) == plan


def test_one_value_stands_for_a_list_of_one() -> None:
    plan = plan_from({"landscape": "double-well", "radii": 3, "weight_decay": 0, "temperature": 1})
    assert (plan.radii, plan.weight_decay, plan.temperature) == ((3.0,), (0.0,), (1.0,))


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"rayz": 3}, ("'rayz'", "'rays'")),
        ({"rays": 2.5}, ("rays 2.5", "whole")),
        ({"rays": True}, ("rays True", "whole")),
        ({"rays": -1}, ("rays -1", "at least 0")),
        ({"seed": 1 << 63}, ("seed", "whole")),
        ({"radii": [1, -2]}, ("radii -2", "positive")),
        ({"radii": [math.nan]}, ("radii nan", "positive")),
        ({"radii": [math.inf]}, ("radii inf", "positive")),
        ({"radii": "far"}, ("radii 'far'", "not a number")),
        ({"radii": {"from": 1, "to": 10}}, ("radii", "count")),
        ({"radii": {"from": 10, "to": 1, "count": 3}}, ("radii", "larger")),
        ({"radii": {"from": 1, "to": 10, "count": 1}}, ("radii", "2 steps")),
        ({"radii": [1, 2, 1]}, ("radii 1.0", "twice")),
        ({"radii": []}, ("nothing to measure",)),
        ({"rays": 0}, ("nothing to measure",)),
        ({"weight_decay": [-0.1]}, ("weight_decay -0.1", "≥ 0")),
        ({"weight_decay": [math.inf]}, ("weight_decay inf", "≥ 0")),
        ({"weight_decay": ["0.1"]}, ("weight_decay '0.1'", "not a number")),
        ({"temperature": [0]}, ("temperature 0", "positive")),
        ({"directions": ["isotropc"]}, ("'isotropc'", "isotropic")),
        ({"directions": ["gradient"]}, ("'gradient'", "isotropic")),
        ({"base": "zero"}, ("base 'zero'", "origin")),
        ({"probes": 1}, ("probes 1", "at least 2")),
        ({"probes_per_unit": 0}, ("probes_per_unit 0", "at least 1")),
        ({"threads": 0}, ("threads 0", "at least 1")),
        ({"engine": "revers"}, ("'revers'", "'reverse'")),
        ({"budget": "quik"}, ("'quik'", "'quick'")),
        ({"criteria": ["smoothnes"]}, ("'smoothnes'", "'smoothness'")),
        ({"level": 1}, ("level 1.0", "between 0 and 1")),
        ({"device": "cuda:1"}, ("device 'cuda:1'", "cuda")),
        ({"seeds": [0, 0]}, ("seeds 0", "twice")),
        ({"landscape": []}, ("no landscape",)),
        ({"landscape": [3]}, ("landscape 3", "neither a name nor a table")),
        ({"landscape": ["a", "a"]}, ("landscape", "twice")),
        ({"landscape": [{"landscape": "a", "sequencs": 3}]}, ("'sequencs'", "sequences")),
        ({"landscape": [{"landscape": "a", "sequences": "3"}]}, ("landscape", "wrong type")),
        ({"landscape": [{"landscape": "a", "weight_decay": 0.1}]}, ("weight_decay", "beside it")),
        ({"landscape": [{"landscape": "a", "device": "cuda"}]}, ("device", "beside it")),
        ({"rays": 6_000_000}, ("units", "10,000,000")),
        ({"probes": 10**15, "probes_per_unit": 1}, ("units", "10,000,000")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(change: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(RequestError) as caught:
        plan_from(SMALL | change)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("content", "part"),
    [(None, "No such file"), (b"radii = [", "no TOML"), (b"\xff", "no TOML"), (b"", "no landscape"), (b"rayz = 1", "'rayz'")],
)
def test_a_file_that_is_no_plan(tmp_path: Path, content: bytes | None, part: str) -> None:
    path = tmp_path / "plan.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RequestError, match=part) as caught:
        read_plan(path)
    assert str(caught.value).startswith(f"campaign {str(path)!r}: ")
    assert "\n" not in str(caught.value)


def test_a_directory_is_no_plan(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="Is a directory"):
        read_plan(tmp_path)


def test_a_hundred_thousand_radii_are_read_at_once() -> None:
    started = time.perf_counter()
    plan = plan_from(SMALL | {"radii": {"from": 1, "to": 10, "count": 100_000}})
    assert plan_from(settings_of(plan, [])["plan"]) == plan
    assert time.perf_counter() - started < 5  # comparing all pairs would take minutes


@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.one_of(st.none(), st.integers(2, 40)), st.integers(1, 17),
    st.integers(1, 2), st.sampled_from([10, 3000]), st.integers(0, 5),
)  # fmt: skip
def test_units_are_all_different_and_no_more_than_counted(
    rays: int, radii: int, kinds: int, probes: int | None, per_unit: int, decays: int, dimension: int, criteria: int
) -> None:
    plan = plan_from({
        "landscape": ["a", "b"], "rays": rays, "radii": list(range(1, radii + 1)), "probes": probes, "probes_per_unit": per_unit,
        "directions": ["isotropic", "sign", "sparse"][:kinds], "weight_decay": [0.1, 1.0][:decays],
        "criteria": list(CRITERION_NAMES[:criteria]), "seeds": [0, 1, 2],
    })  # fmt: skip
    found = units(plan, *(placed(n, dimension, lam) for n in "ab" for lam in plan.weight_decay))
    assert len({u.key for u in found}) == len(found) <= plan.count()
    assert sum(u.kind == "gradient" for u in found) == 2 * rays * radii * kinds
    assert sum(u.kind == "criterion" for u in found) == 2 * decays * criteria * 3
    exact = probes is None and dimension == 10
    assert sum(u.kind == "exact" for u in found) == (2 * rays * radii * kinds if exact else 0)
    # Every probe of every point is in one unit, once.
    drawn: dict[str, list[int]] = {}
    for u in found:
        if u.kind == "probes":
            p = u.parameters
            drawn.setdefault(u.landscape + canonical([p["family"], p["r"]]), []).extend(range(p["first"], p["first"] + p["count"]))
    assert all(sorted(indices) == list(range(probes or 16)) for indices in drawn.values())
    assert len(drawn) == (0 if exact else 2 * rays * radii * kinds)


def test_weight_decays_and_temperatures_cost_no_unit_of_a_point() -> None:
    def points(**change: Any) -> list[str]:
        plan = plan_from(SMALL | change)
        return [u.text for u in units(plan, *(placed(decay=lam) for lam in plan.weight_decay or (0.1,)))]

    assert points() == points(weight_decay=[0.1, 0.5, 1.0], temperature=[1.0, 2.0], level=0.5)


def test_settings_do_not_change_when_the_plan_is_read_again() -> None:
    settings = settings_of(plan_from(SMALL), [placed()])
    assert json.loads(canonical(settings)) == json.loads(canonical(settings_of(plan_from(settings["plan"]), [placed()])))


def test_a_landscape_is_placed_at_each_weight_decay(landscapes: str, tmp_path: Path) -> None:
    plan = plan_from({"landscape": [f"{landscapes}:groups"], "radii": [1], "weight_decay": [0.0, 0.5]})
    found = place(plan, tmp_path)
    assert [p.decay for p in found] == [{"a.weight": lam, "a.bias": lam} for lam in (0.0, 0.5)]
    assert len({p.digest for p in found}) == 1
    assert [p.request["weight_decay"] for p in found] == [0.0, 0.5]
    assert found[0].sizes == {"a.weight": 2, "a.bias": 2}
    assert sorted(p.suffix for p in (tmp_path / "landscapes").iterdir()) == [".json", ".safetensors"]
    assert place(plan) == found  # and without a directory nothing is deposited


def test_undecayed_tensors_stay_so_at_each_weight_decay(landscapes: str) -> None:
    request = {"landscape": f"{landscapes}:groups", "no_decay": ["*.bias"]}
    found = place(plan_from({"landscape": [request], "radii": [1], "weight_decay": [0.2, 0.5]}))
    assert [p.decay for p in found] == [{"a.weight": lam, "a.bias": 0.0} for lam in (0.2, 0.5)]


def test_a_loss_that_is_not_deterministic_is_refused_before_any_unit(landscapes: str) -> None:
    from villani_verify.errors import LandscapeError

    with pytest.raises(LandscapeError, match="not deterministic"):
        place(plan_from({"landscape": [f"{landscapes}:random"], "radii": [1]}))


def test_the_zoo_expects_what_it_knows_at_each_weight_decay() -> None:
    plan = plan_from({"landscape": ["double-well"], "criteria": ["smoothness"], "weight_decay": [0.1, 2.0]})
    assert [p.expected["differential_growth_uniform"] for p in place(plan)] == ["supported", "supported"]
