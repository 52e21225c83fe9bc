from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from villani_verify.report.figures.langevin import draw_autocorrelation, draw_langevin, draw_relaxation

SVG = "{http://www.w3.org/2000/svg}"


def cell(temperature: float = 0.5, *, status: str = "measured", rate: bool = True) -> dict[str, Any]:
    times = [0.0, 0.1, 1.0, 10.0]
    numbers = {name: {"value": 2.0, "interval": [1.0, 3.0]} if rate else None for name in ("rate", "limit", "amplitude")}
    mixed = status == "measured"
    return {
        "weight_decay": 0.1, "temperature": temperature, "status": status, "relaxation": numbers,
        "value_curve": [{"time": t, "value": 1 + t, "interval": [t, 2 + t]} for t in times],
        "autocorrelation_curves": {n: [[0.0, 1.0], [1.0, 0.4], [2.0, -0.1]] for n in ("F", "slowest combination")} if mixed else {},
        "mixing_rate": {"slowest_rate": {"value": 0.9}} if mixed else None,
        "predicted": {"decay_alone": {"rate": 0.1}},
    }  # fmt: skip


def results(*cells: dict[str, Any]) -> dict[str, Any]:
    return {"cells": list(cells), "level": 0.95}


def texts(svg: str) -> str:
    return " ".join(e.text or "" for e in ET.fromstring(svg).iter(f"{SVG}text"))


def test_one_cell_has_all_its_curves_and_the_fit() -> None:
    relaxation, autocorrelation = draw_langevin(results(cell()))
    assert (relaxation.name, autocorrelation.name) == ("relaxation", "autocorrelation")
    for part in ("λ = 0.1, s = 0.5", "fitted a·exp(−rt) + c", "time t = ηk"):
        assert part in texts(relaxation.svg)
    assert "r = 2 at λ = 0.1, s = 0.5" in relaxation.see
    for part in ("slowest combination", "exp(−λt): the decay alone, L = 0"):
        assert part in texts(autocorrelation.svg)
    assert "nan" not in relaxation.svg.lower()


def test_several_cells_have_the_slowest_of_each() -> None:
    drawn = draw_autocorrelation(results(cell(0.5), cell(2.0)))
    assert drawn is not None
    assert "λ = 0.1, s = 2" in texts(drawn.svg)
    assert "slowest combination" not in texts(drawn.svg)


def test_chains_that_have_not_mixed_are_named() -> None:
    given = results(cell(status="not_mixed", rate=False))
    (relaxation,) = draw_langevin(given)
    assert "Chains that have not mixed (λ = 0.1, s = 0.5)" in relaxation.failed
    assert "dashed" not in relaxation.see


def test_nothing_is_drawn_of_chains_that_diverged() -> None:
    diverged = cell(status="diverged") | {"value_curve": [], "relaxation": None}
    assert draw_relaxation(results(diverged)) is None
    assert draw_langevin(results(diverged)) == []
