from __future__ import annotations

import json
import math

import pytest


def test_numbers_alone(run) -> None:
    outcome = run("constants", "--weight-decay", "0.5", "--dimension", "100", "--json", "-")
    assert outcome.status == 0
    found = json.loads(outcome.out)
    assert {b["name"]: b["value"] for b in found["bounds"]} == {"das-dutta": pytest.approx(402), "holley-stroock": None}
    assert (found["dimension"], found["weight_decay"], found["temperature"]) == (100, 0.5, 2.0)
    assert found["measured"] == {"poincare": None}
    assert found["tightness"] == []


def test_what_is_known_is_used(run) -> None:
    known = ("--oscillation", "1", "--smoothness", "2", "--initial-divergence", "8", "--target-divergence", "0.5")
    found = json.loads(run("constants", "--weight-decay", "1", "--dimension", "3", *known, "--json", "-").out)
    assert found["bounds"][1]["value"] == pytest.approx(math.e)
    assert found["mixing"][1]["time"] == pytest.approx(math.e / 2 * math.log(16))
    assert found["mixing"][1]["steps"] > 0


def test_an_audit_measures_and_says_what_is_violated(run, tmp_path) -> None:
    path = tmp_path / "file.py"
    path.write_text(
        "import torch\nfrom villani_verify import Landscape\n\ndef well():\n    return Landscape.from_function(\n"
        "        lambda x: torch.log1p(torch.exp(-8 * (2 * torch.tanh(3 * x) ** 2 - 1))).sum(), 1, weight_decay=1.0, name='well')\n"
    )
    outcome = run("constants", "--landscape", f"{path}:well", "--audit", "--json", tmp_path / "constants.json")
    assert outcome.status == 0
    for part in ("well: 1 parameters", "Poincaré constant 220.", "VIOLATED", "finite volumes", "least eigenvalue"):
        assert part in outcome.out
    found = json.loads((tmp_path / "constants.json").read_text(encoding="utf-8"))
    assert {t["name"]: t["violated"] for t in found["tightness"]}["das-dutta"] is True
    assert found["measured"]["poincare"]["value"] == pytest.approx(220, rel=0.005)


def test_temperature_scales_the_measure(run, landscapes) -> None:
    found = json.loads(run("constants", "--landscape", f"{landscapes}:bowl", "--temperature", "0.5", "--audit", "--json", "-").out)
    # F = (1 + λ/2)‖θ‖² with λ = 0.1, so ∇²F = 2.1 and C_P = s/(2 · 2.1).
    assert found["measured"]["poincare"]["value"] == pytest.approx(0.5 / 4.2, rel=3e-3)


def test_a_slice_of_a_transformer(run) -> None:
    outcome = run("constants", "--landscape", "gpt-neo-tiny", "--slice", "1", "--seed", "1", "--audit")
    assert outcome.status == 0
    assert "slice of gpt-neo-tiny in 1 direction" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dimension", "3"), "--dimension: it needs --weight-decay beside it"),
        (("--dimension", "0", "--weight-decay", "1"), "dimension 0: it is not at least 1"),
        (("--dimension", "3", "--weight-decay", "0"), "weight decay 0: exp(−2F/s) need not have a finite integral"),
        (("--dimension", "3", "--weight-decay", "-1"), "weight decay -1"),
        (("--dimension", "3", "--weight-decay", "1", "--temperature", "0"), "temperature 0: it is not a positive number"),
        (("--dimension", "3", "--weight-decay", "1e-200"), "1/λ + d/λ² exceeds the range of float64"),
        (("--dimension", "3", "--weight-decay", "1", "--audit"), "--dimension and --audit: a bound of numbers alone"),
        (("--dimension", "3", "--weight-decay", "1", "--slice", "1"), "--dimension and --slice"),
        (("--dimension", "3", "--weight-decay", "1", "--landscape", "double-well"), "--dimension and --landscape"),
        (("--dimension", "3", "--weight-decay", "1", "--oscillation", "-1"), "--oscillation -1: it is not a number of at least 0"),
        (("--dimension", "3", "--weight-decay", "1", "--smoothness", "0"), "smoothness 0: it is not a positive number"),
        (("--dimension", "3", "--weight-decay", "1", "--target-divergence", "4"), "target 4: it is not between 0 and"),
        (("--landscape", "gpt-neo-tiny", "--audit", "--steps", "20"), "steps 20: 15 are left after a burn-in"),
        (("--landscape", "gpt-neo-small", "--audit"), "trajectories say nothing of a gap in 232,064 dimensions"),
        (("--landscape", "gpt-neo-tiny", "--slice", "0"), "0 of 822 parameters"),
        (("--landscape", "double-well", "--weight-decay", "0"), "exp(−2F/s) need not have a finite integral"),
        (("--landscape", "double-well", "--json", "no/such/place.json"), "there is no directory"),
    ],
)
def test_wrong_input_is_one_line(run, arguments, message) -> None:
    outcome = run("constants", *arguments)
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
