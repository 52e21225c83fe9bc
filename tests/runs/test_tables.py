"""Tables against direct measurements with the same probes, and against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.probes import derive_seed
from villani_verify.estimation.psi import measure_point
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.runs.placed import Placed
from villani_verify.runs.store import Result, Store
from villani_verify.runs.tables import POINT_COLUMNS, VERDICT_COLUMNS, as_expected, labels_of, tables_of
from villani_verify.runs.unit import canonical
from villani_verify.search.families import family_of

Finished = Callable[..., Store]
Rows = list[dict[str, Any]]


def tables(store: Store) -> dict[str, Rows]:
    return tables_of(store.settings, store.results())


def direct(request: LandscapeRequest, plan: Mapping[str, Any], row: Mapping[str, Any]) -> Any:
    """Measure the point of a row as `psi` does, with the addresses of the campaign's probes."""
    family = {
        "type": "ray", "kind": row["direction"], "seed": plan["seed"], "index": row["ray"], "base": plan["base"], "tensor": None,
    }  # fmt: skip
    landscape = request.load()
    point = family_of(family).points(landscape)(row["r"])
    exact = plan["probes"] is None
    return measure_point(
        landscape, point, engine=engine_for(plan["engine"]), seed=derive_seed(plan["seed"], "campaign", canonical(family)),
        num_probes=plan["probes"] or 2, exact_dimension=2000 if exact else 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "base", "probes"),
    [
        ("FILE:groups", "origin", None),
        ("FILE:groups", "initial", 24),
        ("FILE:groups", "origin", 3),
        ("gpt-neo-tiny", "initial", 12),
    ],
)
def test_rows_are_what_a_direct_measurement_gives_at_each_weight_decay(
    finished: Finished, landscapes: str, name: str, base: str, probes: int | None
) -> None:
    requested = {"landscape": name.replace("FILE", landscapes), "no_decay": ["*.bias"]}
    store = finished({
        "landscape": [requested], "weight_decay": [0.01, 0.5], "temperature": [0.02, 3.0], "rays": 1, "radii": [0.5, 20.0],
        "directions": ["isotropic", "sparse"] if ":" in name else "isotropic", "base": base, "probes": probes,
        "probes_per_unit": 10, "seed": 3, "level": 0.9, "engine": "reverse",
    })  # fmt: skip
    rows, label = tables(store)["points"], name.rpartition(":")[2]
    assert len(rows) == 2 * 2 * 2 * (2 if ":" in name else 1)  # weight decays, radii, temperatures, directions
    assert tuple(rows[0]) == POINT_COLUMNS
    for row in rows:
        request = replace(LandscapeRequest.from_dict(requested), weight_decay=row["weight_decay"])
        found = direct(request, store.settings["plan"], row)
        s = row["temperature"]
        assert (row["landscape"], row["dimension"], row["samples"]) == (
            label,
            rows[0]["dimension"],
            len(found.laplacian.samples),
        )
        # ‖∇F‖² comes from three inner products, the others are the same sums in another order. The tenth digit of the larger term.
        scale = found.loss_gradient_norm_squared + (row["weight_decay"] * found.radius) ** 2
        assert row["gradient_norm_squared"] == pytest.approx(found.gradient_norm_squared, rel=1e-10, abs=1e-10 * scale)
        low, high = found.laplacian.interval(0.9)
        curvature = abs(low) + abs(high) + abs(found.loss_laplacian.value)
        for column, wanted, size in (
            ("radius", found.radius, 0), ("loss", found.loss, 0), ("value", found.value, 0),
            ("laplacian", found.laplacian.value, curvature), ("laplacian_low", low, curvature), ("laplacian_high", high, curvature),
            ("psi", found.psi(s), curvature + scale / s), ("psi_low", found.psi_interval(s, 0.9)[0], curvature + scale / s),
            ("psi_high", found.psi_interval(s, 0.9)[1], curvature + scale / s),
            ("critical_temperature", found.critical_temperature, 0),
        ):  # fmt: skip
            assert row[column] == pytest.approx(wanted, rel=1e-9, abs=1e-10 * size), column
        cold, hot = found.critical_temperature_interval(0.9)
        assert (row["critical_temperature_low"], row["critical_temperature_high"]) == pytest.approx((cold, hot), rel=1e-9)


def test_a_quadratic_has_its_closed_form(finished: Finished, landscapes: str) -> None:
    # On a ray rv: ∇F = (a + λ)rv and ΔF = Σ (a + λ), so that all follows from ‖∇F‖² = r² Σ (a_i + λ)² v_i² and v.
    store = finished({"landscape": [f"{landscapes}:quadratic"], "weight_decay": [0.0, 0.25], "temperature": [2.0], "rays": 3,
                      "radii": [1.0, 1e3]})  # fmt: skip
    rows = tables(store)["points"]
    assert len(rows) == 12
    for row in rows:
        lam, r = row["weight_decay"], row["r"]
        family = store.unit(0).parameters["family"] | {"index": row["ray"]}
        landscape = LandscapeRequest(landscape=f"{landscapes}:quadratic").load()
        (theta,) = (t.tolist() for t in family_of(family).points(landscape)(r).values())
        slope = math.fsum(((a + lam) * x) ** 2 for a, x in zip((1, 2, 4), theta, strict=True))
        curvature = 7 + 3 * lam
        assert row["radius"] == pytest.approx(r, rel=1e-12)
        assert row["loss"] == pytest.approx(math.fsum(a * x * x / 2 for a, x in zip((1, 2, 4), theta, strict=True)), rel=1e-12)
        assert row["value"] == pytest.approx(row["loss"] + lam * r * r / 2, rel=1e-12)
        assert row["gradient_norm_squared"] == pytest.approx(slope, rel=1e-12)
        assert row["laplacian"] == row["laplacian_low"] == row["laplacian_high"] == pytest.approx(curvature, rel=1e-12)
        assert row["critical_temperature"] == pytest.approx(slope / curvature, rel=1e-12)
        assert row["psi"] == pytest.approx(slope / 2 - curvature, rel=1e-12)


def test_probes_of_a_diagonal_hessian_are_exact(finished: Finished, landscapes: str) -> None:
    asked = {"landscape": [f"{landscapes}:quadratic"], "radii": [2.0]}
    exact, drawn = (tables(finished(asked | change))["points"][0] for change in ({}, {"probes": 20}))
    assert (exact["samples"], drawn["samples"]) == (0, 20)
    for name in ("laplacian", "laplacian_low", "laplacian_high", "critical_temperature", "gradient_norm_squared"):
        assert drawn[name] == pytest.approx(exact[name], rel=1e-12)


def test_how_probes_are_cut_into_units_changes_no_bit(finished: Finished, landscapes: str) -> None:
    asked = {"landscape": [f"{landscapes}:groups"], "radii": [3.0], "probes": 12, "temperature": [1.0]}
    one, several = (tables(finished(asked | {"probes_per_unit": n}))["points"] for n in (12, 4))
    assert one == several


def test_without_a_temperature_there_is_no_psi(finished: Finished, landscapes: str) -> None:
    (row,) = tables(finished({"landscape": [f"{landscapes}:quadratic"], "radii": [2.0]}))["points"]
    assert (row["temperature"], row["psi"], row["psi_low"], row["psi_high"]) == (None,) * 4
    assert row["critical_temperature"] > 0


def test_a_point_of_which_a_unit_is_missing_has_no_row(finished: Finished, landscapes: str) -> None:
    asked = {"landscape": [f"{landscapes}:groups"], "radii": [1.0, 2.0], "probes": 6, "probes_per_unit": 3}
    whole = finished(asked)
    everything = list(whole.results())
    assert [r.unit.kind for r in everything] == ["gradient", "probes", "probes"] * 2
    rows = tables_of(whole.settings, everything)["points"]
    assert [row["r"] for row in rows] == [1.0, 2.0]
    for missing in range(6):
        left = tables_of(whole.settings, [r for r in everything if r.number != missing])["points"]
        assert left == [rows[1 - missing // 3]]
    assert tables_of(whole.settings, [])["points"] == []
    part = finished(asked, part=(0, 2))  # units 0, 2 and 4
    assert part.counts().pending == 3
    assert tables(part)["points"] == []


def test_results_in_any_order_give_the_same_table(finished: Finished, landscapes: str) -> None:
    store = finished({"landscape": [f"{landscapes}:groups"], "radii": [1.0, 2.0], "probes": 6, "probes_per_unit": 2})
    assert tables_of(store.settings, reversed(list(store.results()))) == tables(store)


def test_where_nothing_is_finite_there_is_a_row_that_says_so(finished: Finished, landscapes: str) -> None:
    store = finished({"landscape": [f"{landscapes}:overflows"], "radii": [1.0, 1e160], "temperature": [1.0, 2.0]})
    assert store.counts().finished == 4
    rows = tables(store)["points"]
    assert [(row["r"], row["temperature"], row["loss"] is None) for row in rows] == [
        (1.0, 1.0, False), (1.0, 2.0, False), (1e160, 1.0, True), (1e160, 2.0, True),
    ]  # fmt: skip
    known = ("landscape", "dimension", "weight_decay", "direction", "ray", "r", "temperature")
    assert all((row[name] is None) == (name not in known) for row in rows[2:] for name in POINT_COLUMNS)


def test_a_negative_loss_is_a_failure_with_a_sentence(finished: Finished, landscapes: str) -> None:
    store = finished({"landscape": [f"{landscapes}:turns_negative"], "radii": [1.0, 10.0]})
    ((number, sentence, attempts),) = store.failures()
    assert store.unit(number).kind == "gradient"
    assert "negative" in sentence
    assert "r = 10" in sentence
    assert attempts == 1
    assert [row["r"] for row in tables(store)["points"]] == [1.0]


@pytest.mark.parametrize("end", [math.inf, -math.inf])
def test_an_infinite_critical_temperature_stays_infinite(finished: Finished, tmp_path: Path, end: float) -> None:
    store = finished({"landscape": ["double-well"], "radii": [0.1], "probes": 4, "weight_decay": [0.001]})
    results = [
        Result(r.number, r.unit, r.value | {"samples": [math.copysign(s, end) for s in (1.0, 2.0, 3.0, 4.0)]}, 0.0, "w")
        if r.unit.kind == "probes" else r
        for r in store.results()
    ]  # fmt: skip
    (row,) = tables_of(store.settings, results)["points"]
    assert (row["critical_temperature"] == math.inf) == (end < 0)


def test_verdicts_are_those_of_a_verification(finished: Finished) -> None:
    from villani_verify import verify

    store = finished({"landscape": ["double-well", "isotropic-bowl"], "weight_decay": [0.1], "seeds": [2],
                      "criteria": ["quadratic_growth", "smoothness"]})  # fmt: skip
    rows = tables(store)["verdicts"]
    assert tuple(rows[0]) == VERDICT_COLUMNS
    assert [(r["landscape"], r["weight_decay"], r["criterion"]) for r in rows] == [
        (n, lam, c) for n in ("double-well", "isotropic-bowl") for lam in (0.1,) for c in ("smoothness", "quadratic_growth")
    ]
    for row in rows:
        landscape = LandscapeRequest(landscape=row["landscape"], weight_decay=row["weight_decay"]).load()
        (wanted,) = verify(landscape, criteria=[row["criterion"]], seed=2).as_dict()["criteria"].values()
        assert row["status"] == wanted["status"] == row["expected"] == wanted["expected"]
        assert row["summary"] == wanted["summary"]
        assert row["statistic"] == (None if wanted["statistic"] is None else float(wanted["statistic"]))
        assert as_expected(row)


@pytest.mark.parametrize(
    ("status", "expected", "wanted"),
    [
        ("supported", "supported", True), ("supported", "refuted", False), ("refuted", "refuted", True), ("refuted", None, False),
        ("inconclusive", None, True), ("inconclusive", "supported", False), ("not_applicable", None, True),
    ],
)  # fmt: skip
def test_what_counts_as_expected(status: str, expected: str | None, wanted: bool) -> None:
    assert as_expected({"status": status, "expected": expected}) is wanted


def test_landscapes_of_one_name_are_numbered(finished: Finished, landscapes: str) -> None:
    # Decay is no part of the loss, so both have one digest and share their units of points.
    requests = [{"landscape": f"{landscapes}:groups"}, {"landscape": f"{landscapes}:groups", "no_decay": ["*.bias"]}]
    store = finished({"landscape": [*requests, "double-well"], "weight_decay": [0.1, 1.0], "radii": [1.0],
                      "criteria": ["quadratic_growth"]})  # fmt: skip
    assert store.counts().units == 2 * 2 + 3 * 2
    found = tables(store)
    names = ["groups #1"] * 2 + ["groups #2"] * 2 + ["double-well"] * 2
    assert [row["landscape"] for row in found["points"]] == names
    assert [row["landscape"] for row in found["verdicts"]] == names
    assert found["points"][0]["value"] > found["points"][2]["value"]
    assert labels_of([Placed(**p) for p in store.settings["landscapes"]]) == names
