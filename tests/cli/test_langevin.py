from __future__ import annotations

import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

FEW = ("--chains", "4", "--steps", "160", "--no-bias")


def test_json_has_every_number_with_its_interval(run, landscapes):
    # The bowl is ½ · 2.1 ‖θ‖² in two dimensions.
    outcome = run("langevin", "--landscape", f"{landscapes}:bowl", "--temperature", "0.5", "--steps", "3000", "--json", "-")
    assert outcome.status == 0
    measured = json.loads(outcome.out)
    assert measured["landscape"]["dimension"] == 2
    (cell,) = measured["cells"]
    assert cell["status"] == "measured", cell["reason"]
    assert cell["stability_limit"] == pytest.approx(2 / 2.1)
    # Wider than the intervals by what the step size changes: 5 %.
    low, high = cell["mixing_rate"]["poincare"]["interval"]
    assert low * 0.9 <= 0.5 / 2 / 2.1 <= high * 1.1
    for number in (cell["mixing_rate"]["slowest_rate"], cell["discretisation_bias"]["means"]["F"]["extrapolated"]):
        assert number["interval"][0] < number["value"] < number["interval"][1]
        assert number["level"] == 0.95


def test_table_says_what_was_measured_and_what_was_not(run, landscapes):
    outcome = run("langevin", "--landscape", f"{landscapes}:bowl", "--temperature", "2", "--temperature", "0.5", *FEW)
    assert outcome.status == 0
    for part in (
        "bowl: 2 parameters; 4 chains of 160 steps",
        "λ = 0.1, s = 2,",
        "s = 0.5",
        "stable below 0.952",
        "not mixed: ",
        "note: ",
    ):
        assert part in outcome.out
    assert "C_P at least" not in outcome.out


def test_a_directory_gets_results_figures_and_checkpoints_and_is_gone_on_with(run, landscapes, tmp_path):
    out = tmp_path / "deep" / "out"
    # Steps of 0.84 over the curvature: the chains forget at once.
    where = ("langevin", "--landscape", f"{landscapes}:bowl", "--step-size", "0.4", "--temperature", "0.5")
    arguments = (*where, "--chains", "8", "--no-bias", "--out", out)
    assert run(*arguments, "--steps", "1500").status == 0
    names = {"autocorrelation.svg", "checkpoints", "langevin.json", "relaxation.svg"}
    assert {p.name for p in out.iterdir()} == names
    ET.parse(out / "relaxation.svg")
    first = json.loads((out / "langevin.json").read_text())
    refused = run(*arguments, "--steps", "2000")
    assert (refused.status, refused.out) == (2, "")
    assert "is not empty" in refused.err
    assert run(*arguments, "--steps", "2000", "--resume").status == 0
    longer = json.loads((out / "langevin.json").read_text())
    assert longer["steps"] == 2000
    assert longer["cells"][0]["value_curve"][:5] == first["cells"][0]["value_curve"][:5]
    other = run(*arguments, "--steps", "2000", "--resume", "--seed", "1")
    assert other.status == 2
    assert "it was made with seed 0, not 1; give the same settings" in other.err.splitlines()[-1]


STUCK = """
import sys, time
from villani_verify.cli import main
from villani_verify.theory.langevin import noise

at = noise.AddressedNoise.at

def stuck(self, step):
    if step == 30:
        print("stuck", file=sys.stderr, flush=True)
        time.sleep(600)
    return at(self, step)

noise.AddressedNoise.at = stuck
sys.exit(main(sys.argv[1:]))
"""


def test_an_interrupted_run_keeps_what_was_done(run, landscapes, tmp_path, environment):
    out = tmp_path / "out"
    arguments = ["langevin", "--landscape", f"{landscapes}:bowl", *FEW, "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment,
    )  # fmt: skip
    assert process.stderr is not None
    assert any("stuck" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.splitlines() == [f"villani-verify: interrupted; the chains so far are in {out}; go on with --resume"]
    assert not (out / "langevin.json").exists()
    assert run(*arguments, "--resume").status == 0
    assert (out / "langevin.json").exists()


def test_chains_that_diverge_end_with_status_one(run, tmp_path):
    file = tmp_path / "landscape.py"
    file.write_text(
        "from villani_verify import Landscape\n\ndef quartic():\n"
        "    return Landscape.from_function(lambda x: x.pow(4).sum(), 1, weight_decay=1.0)\n"
    )
    arguments = ("--temperature", "200", "--step-size", "0.1", "--chains", "8", "--steps", "400", "--no-bias")
    outcome = run("langevin", "--landscape", f"{file}:quartic", *arguments)
    assert outcome.status == 1
    assert "diverges; give a --step-size below 0.1" in outcome.out
    assert "rate at which" not in outcome.out


def test_mini_batches_say_how_much_noise_they_add(run, tmp_path):
    where = ("--landscape", "gpt-neo-tiny", "--sequences", "4", "--sequence-length", "8", "--batch", "2", "--temperature", "1e-4")
    outcome = run(
        "langevin", *where, "--chains", "4", "--steps", "101", "--burn-in", "1", "--no-bias", "--json", tmp_path / "x.json"
    )
    assert outcome.status == 0
    (cell,) = json.loads((tmp_path / "x.json").read_text())["cells"]
    assert cell["gradient_noise"]["heating"] > 0
    assert "noise of mini-batches along its worst direction" in outcome.out
    assert "note: with mini-batches F is an estimate" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--temperature", "0"], ("temperature 0", "positive")),
        (["--temperature", "nan"], ("temperature nan", "positive")),
        (["--weight-decay", "0"], ("weight decay 0", "--weight-decay above 0")),
        (["--step-size", "1"], ("step size 1", "stable only below 2/‖∇²F‖ = 0.9524")),
        (["--step-size", "-1"], ("step size -1", "positive")),
        (["--chains", "1"], ("chains 1", "at least 4")),
        (["--steps", "20"], ("steps 20", "too few")),
        (["--burn-in", "159"], ("steps 160", "too few")),
        (["--batch", "2"], ("mini-batches", "no rows", "--batch")),
        (["--start", "here"], ("start 'here'", "reference")),
        (["--resume"], ("--resume", "--out")),
        (["--out", "there", "--resume"], ("'there'", "no checkpoints")),
        (["--json", "nowhere/file.json"], ("JSON file", "no directory")),
        (["--steps", "many"], ("--steps", "integer")),
    ],
)
def test_wrong_requests_are_one_line_and_leave_nothing(run, landscapes, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)
    if "--out" not in arguments:
        arguments = [*arguments, *([] if "--resume" in arguments else ["--out", "new"])]
    outcome = run("langevin", "--landscape", f"{landscapes}:bowl", *FEW, *arguments)
    assert outcome.status == 2
    assert outcome.out == ""
    assert len(outcome.err.splitlines()) == 1
    for part in parts:
        assert part in outcome.err
    assert list(tmp_path.iterdir()) == []
