from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from villani_verify.report.figures.spectrum import draw_spectrum

SVG = "{http://www.w3.org/2000/svg}"


def point(radius: float, largest: Any = 5.0, checkpoint: str | None = None) -> dict[str, Any]:
    end = {"residual": 0.1, "converged": True}
    return {
        "checkpoint": checkpoint,
        "radius": radius,
        "extremes": {
            "smallest": {"value": -2.0, "interval": [-2.1, -2.0], **end},
            "largest": {"value": 5.0, "interval": [5.0, largest], **end},
        },
        "moments": {"mean": {"value": 0.3, "interval": [0.2, 0.4]}},
        "density": {
            "grid": [-3.0, 0.0, 6.0], "value": [0.0, 0.9, 1e-4], "interval": [[0.0, 1e-3], [0.8, 1.0], [0.0, "Infinity"]],
            "kernel_width": 0.4,
        },
        "fraction_negative": {"value": 0.1, "interval": [0.05, 0.2]},
    }  # fmt: skip


def results(*points: dict[str, Any]) -> dict[str, Any]:
    return {"level": 0.95, "dimension": 100, "points": list(points)}


def texts(svg: str) -> str:
    return " ".join(e.text or "" for e in ET.fromstring(svg).iter(SVG + "text"))


def test_one_point_has_a_density_alone() -> None:
    (figure,) = draw_spectrum(results(point(1.0)))
    assert figure.name == "density"
    assert "eigenvalue λ of ∇²F" in texts(figure.svg)
    assert "95\u00a0% interval, each x" in texts(figure.svg)
    assert "0.1 of all (between 0.05 and 0.2)" in figure.failed
    assert "100 eigenvalues" in figure.see
    assert "nan" not in " ".join(e.get("d", "") for e in ET.fromstring(figure.svg).iter()).lower()


@pytest.mark.parametrize("largest", [5.5, "Infinity"])
def test_several_radii_have_their_ends_too(largest: Any) -> None:
    figures = draw_spectrum(results(point(10.0, largest), point(1.0)))
    assert [f.name for f in figures] == ["density-1", "density-2", "extremes"]
    assert "radius ‖θ‖" in texts(figures[-1].svg)
    for word in ("largest", "smallest", "mean, ΔF/d"):
        assert word in texts(figures[-1].svg)


def test_checkpoints_are_in_the_order_of_training_whatever_their_radii() -> None:
    steps = [point(9.0, checkpoint="run/step-0"), point(3.0, checkpoint="run/step-10"), point(3.0, checkpoint="run/<b>/step-99/")]
    figures = draw_spectrum(results(*steps))
    assert [f.name for f in figures] == ["density-1", "density-2", "density-3", "extremes"]
    assert "checkpoint step-10" in figures[1].title
    assert "through training" in figures[-1].title
    assert "as training goes on" in figures[-1].failed
    shown = [t for t in texts(figures[-1].svg).split() if t.startswith("step")]
    assert shown == ["step-0", "step-10", "step-99"]


def test_the_same_radius_twice_makes_no_curve() -> None:
    assert [f.name for f in draw_spectrum(results(point(1.0), point(1.0)))] == ["density-1", "density-2"]


def test_a_flat_loss_has_a_figure_too() -> None:
    flat = [point(r) for r in (1.0, 2.0)]
    for p in flat:
        for end in p["extremes"].values():
            end |= {"value": 0.0, "interval": [0.0, 0.0]}
    assert [f.name for f in draw_spectrum(results(*flat))][-1] == "extremes"
