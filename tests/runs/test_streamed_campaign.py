"""A campaign on a model whose parameters stay in their files says what one on the loaded model says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from villani_verify.cli import main
from villani_verify.landscapes.architectures import gpt_neo_tiny

PLAN = """
weight_decay = [0.01, 0.1]
temperature = 0.5
rays = 1
base = "initial"
radii = [0.5, 2.0]
probes = 400
probes_per_unit = 200

[[landscape]]
model = "{model}"
tokenizer = "classes"
sequences = 2
sequence_length = 8
dtype = "float64"
no_decay = ["*.bias"]
stored = {stored}
"""


def points(directory: Path, model: Path, *, stored: bool) -> list[dict[str, Any]]:
    plan = directory / "plan.toml"
    plan.write_text(PLAN.format(model=model, stored=str(stored).lower()), encoding="utf-8")
    assert main(["campaign", str(plan), "--out", str(directory / "out")]) == 0
    assert main(["runs", "export", str(directory / "out"), "--to", str(directory / "points.json")]) == 0
    found: list[dict[str, Any]] = json.loads((directory / "points.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    model = tmp_path_factory.mktemp("model")
    gpt_neo_tiny().save_pretrained(model)
    stored = points(tmp_path_factory.mktemp("stored"), model, stored=True)
    return points(tmp_path_factory.mktemp("loaded"), model, stored=False), stored


def test_what_is_exact_agrees(both: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    loaded, stored = both
    assert len(loaded) == len(stored) == 4
    for here, there in zip(loaded, stored, strict=True):
        for name in ("landscape", "dimension", "weight_decay", "direction", "ray", "r", "temperature"):
            assert here[name] == there[name]
        for name in ("radius", "loss", "value"):
            assert here[name] == pytest.approx(there[name], rel=1e-9)


def test_estimates_agree_within_their_errors(both: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    # Intervals at 95 %; half-widths doubled are 3.9 standard errors. Twelve comparisons miss that by chance with probability 1e-3.
    loaded, stored = both
    for here, there in zip(loaded, stored, strict=True):
        for name in ("gradient_norm_squared", "critical_temperature", "psi"):
            low, high = there[f"{name}_low"], there[f"{name}_high"]
            high = float(high)  # may be the text "Infinity"
            middle, half = (low + high) / 2, (high - low) / 2
            assert abs(float(here[name]) - middle) <= 2 * half
        # The same probes, so that ΔF differs by how samples are made of them alone.
        assert abs(here["laplacian"] - there["laplacian"]) <= here["laplacian_high"] - here["laplacian_low"]


def test_the_gradient_is_exact_only_where_it_is_computed(both: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    loaded, stored = both
    assert all(row["gradient_norm_squared_low"] == row["gradient_norm_squared_high"] for row in loaded)
    assert all(
        row["gradient_norm_squared_low"] < row["gradient_norm_squared"] < row["gradient_norm_squared_high"] for row in stored
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('criteria = ["smoothness"]', "criteria need all parameters of a model at once"),
        ('directions = ["sparse"]', "directions 'sparse' needs all parameters of a model at once"),
    ],
)
def test_what_needs_all_parameters_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, message: str
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(change + "\n" + PLAN.format(model=tmp_path, stored="true"), encoding="utf-8")
    assert main(["campaign", str(plan), "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_gpu_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('landscape = [{landscape = "gpt-neo-tiny", stored = true}]\nradii = 1.0\n', encoding="utf-8")
    assert main(["campaign", str(plan), "--out", str(tmp_path / "out")]) == 2
    assert "stored parameters: they are of a model's directory, and on the CPU" in capsys.readouterr().err
