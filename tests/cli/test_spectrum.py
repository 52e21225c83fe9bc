from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from villani_verify.landscapes.architectures import gpt_neo_tiny

# The bowl of the landscapes file: ∇²F = 2.1 I with λ = 0.1.
CURVATURE = 2.1


def test_closed_form_of_a_bowl(run, landscapes):
    outcome = run("spectrum", "--landscape", f"{landscapes}:bowl", "--radius", "3", "--radius", "10", "--json", "-")
    assert outcome.status == 0
    measured = json.loads(outcome.out)
    assert measured["dimension"] == 2
    assert [p["radius"] for p in measured["points"]] == pytest.approx([3, 10])
    for point in measured["points"]:
        for end in point["extremes"].values():
            assert end["interval"] == pytest.approx([CURVATURE, CURVATURE], rel=1e-12)
            assert end["converged"]
        assert point["moments"]["mean"]["value"] == pytest.approx(CURVATURE, rel=1e-12)
        assert point["moments"]["second"]["value"] == pytest.approx(CURVATURE**2, rel=1e-12)
        assert point["fraction_negative"]["interval"] == [0, 0]


def test_decay_moves_the_spectrum_exactly(run, landscapes):
    found = {}
    for lam in ("0", "3"):
        outcome = run("spectrum", "--landscape", "two-layer-linear-network", "--weight-decay", lam, "--json", "-")
        found[lam] = json.loads(outcome.out)["points"][0]["extremes"]["largest"]["value"]
    assert found["3"] - found["0"] == pytest.approx(3, rel=1e-12)


def test_table_figures_and_results(run, tmp_path):
    out, where = tmp_path / "figures", ("--landscape", "gpt-neo-tiny", "--sequences", "1")
    outcome = run("spectrum", *where, "--radius", "5", "--radius", "50", "--steps", "6", "--num-probes", "3", "--out", out)
    assert outcome.status == 0
    for part in (
        "gpt-neo-tiny: 822 parameters; intervals at 95%",
        "largest eigenvalue",
        "fraction negative",
        "36 Hessian-vector",
    ):
        assert part in outcome.out
    assert "reorthogonalisation: full" in outcome.out
    assert f"Figures: {out}" in outcome.out
    assert sorted(p.name for p in out.iterdir()) == ["density-1.svg", "density-2.svg", "extremes.svg", "results.json"]
    for figure in out.glob("*.svg"):
        assert ET.parse(figure).getroot().tag.endswith("svg")
    assert json.loads((out / "results.json").read_text())["num_matvecs"] == 36


def test_checkpoints_of_a_training(run, tmp_path):
    where = ("--landscape", "gpt-neo-tiny", "--sequences", "1", "--steps", "6", "--num-probes", "3")
    for step, factor in ((0, 1.0), (10, 2.0)):
        model = gpt_neo_tiny()
        for tensor in model.parameters():
            tensor.data *= factor
        model.save_pretrained(tmp_path / f"step-{step}")
    out, steps = tmp_path / "out", [tmp_path / "step-0", tmp_path / "step-10"]
    outcome = run("spectrum", *where, "--checkpoint", steps[0], "--checkpoint", steps[1], "--out", out)
    assert outcome.status == 0
    assert sorted(p.name for p in out.iterdir()) == ["density-1.svg", "density-2.svg", "extremes.svg", "results.json"]
    found = json.loads((out / "results.json").read_text())["points"]
    assert [p["checkpoint"] for p in found] == [str(s) for s in steps]
    assert outcome.out.count("step-0") == outcome.out.count("step-10") == 5
    # The same points by their radii.
    radii = [a for p in found for a in ("--radius", repr(p["radius"]))]
    scaled = json.loads(run("spectrum", *where, *radii, "--json", "-").out)["points"]
    for mine, other in zip(found, scaled, strict=True):
        assert other["checkpoint"] is None
        assert mine["extremes"]["largest"]["value"] == pytest.approx(other["extremes"]["largest"]["value"], rel=1e-9)


def test_too_little_memory_for_a_basis_is_said_and_goes_on(run):
    where = ("--landscape", "gpt-neo-tiny", "--sequences", "1", "--steps", "20", "--num-probes", "2")
    outcome = run("spectrum", *where, "--memory", "1e-4", "--json", "-")
    measured = json.loads(outcome.out)
    assert measured["reorthogonalisation"] == "none"
    assert "full reorthogonalisation needs" in measured["notes"][0]


def test_steps_beyond_the_dimension_are_said(run, landscapes):
    outcome = run("spectrum", "--landscape", f"{landscapes}:bowl")
    assert outcome.status == 0
    assert "note: 64 Lanczos steps: cut to the dimension, 2" in outcome.out
    assert "exact" not in outcome.err


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--radius", "0"], ("radius 0", "positive")),
        (["--radius", "nan"], ("radius nan", "positive")),
        (["--checkpoint", "step-1"], ("checkpoint 'step-1': it does not exist; mend the path",)),
        (["--checkpoint", "step-1", "--radius", "2"], ("radius 2 and checkpoint 'step-1': they exclude each other",)),
        (["--num-probes", "1"], ("probes 1", "at least 2")),
        (["--steps", "1"], ("steps 1", "fewer than 2")),
        (["--memory", "0"], ("memory 0", "positive")),
        (["--memory", "1e-9"], ("memory 1e-09 GiB", "2 parameters", "allow more")),
        (["--kernel-width", "-1"], ("kernel width -1", "positive")),
        (["--weight-decay", "-0.1"], ("weight decay -0.1", "≥ 0")),
        (["--out", "file.py"], ("output directory 'file.py'", "not a directory")),
        (["--json", "nowhere/x.json"], ("no directory 'nowhere'",)),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(run, landscapes, arguments, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.py").write_text("")
    outcome = run("spectrum", "--landscape", f"{landscapes}:bowl", *arguments)
    assert outcome.status == 2
    assert outcome.out == ""
    last = outcome.err.splitlines()[-1]
    assert last.startswith("villani-verify: error: ")
    for part in parts:
        assert part in last
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".py"] == []


def test_a_product_that_is_not_finite_is_one_line_with_the_place(run, tmp_path):
    (tmp_path / "cusp.py").write_text(
        "import torch\nfrom villani_verify import Landscape\n\n"
        "def cusp():\n    start = torch.tensor([1.0, 0.0]).double()\n"
        "    return Landscape.from_function(lambda x: x.abs().pow(1.5).sum(), 2, initial=start, name='cusp')\n"
    )
    outcome = run("spectrum", "--landscape", f"{tmp_path}/cusp.py:cusp", "--out", tmp_path / "out")
    assert outcome.status == 2
    assert "landscape 'cusp' at radius 1, tensor 'theta': it is not finite in float64" in outcome.err.splitlines()[-1]
    assert not (tmp_path / "out").exists()
