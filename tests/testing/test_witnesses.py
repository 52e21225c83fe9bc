from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from villani_verify import replay
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.search.families import Scaling
from villani_verify.testing.growth import bounded_over_decade
from villani_verify.testing.witnesses import Counterexample, replay_line, report_witness


def refuted() -> tuple[Landscape, dict]:
    landscape = LandscapeRequest(landscape="balanced-logits").load()
    found = bounded_over_decade(landscape, "differential_growth_uniform", Scaling({"a": 1, "c": 1}, ("b",)), 1e3, level=0.999)
    assert found is not None
    return landscape, dict(found.witness)


def test_the_line_is_one_shell_command_that_reproduces() -> None:
    landscape, witness = refuted()
    line = replay_line(witness, landscape)
    assert "\n" not in line
    program, command, inline = shlex.split(line)
    assert (program, command) == ("villani-verify", "replay")
    values = json.loads(inline)
    again = LandscapeRequest.from_dict(values["request"]).load()
    result = replay(values, again)
    assert result.reproduced
    # Claimed and measured s* of the same points, so the line carries the claim.
    assert all(row[2] == pytest.approx(row[3]) for row in result.rows)


def test_infinite_claims_survive() -> None:
    landscape, witness = refuted()
    witness["claimed"][0]["critical_temperature"]["value"] = float("inf")
    values = json.loads(shlex.split(replay_line(witness, landscape))[2])
    assert replay(values, landscape).rows[0][2] == float("inf")


def test_a_landscape_made_in_python_gets_a_python_line() -> None:
    landscape, witness = refuted()
    made = replace(landscape, request=None)
    line = replay_line(witness, made)
    assert line.startswith("villani_verify.replay({")
    import villani_verify

    assert eval(line, {"villani_verify": villani_verify, "landscape": made}).reproduced


def test_report_witness_fails_with_the_summary_and_keeps_the_line() -> None:
    landscape, witness = refuted()
    with pytest.raises(Counterexample, match="balanced-logits: it falls") as caught:
        report_witness(witness, landscape, "it falls")
    assert caught.value.replay_line == replay_line(witness, landscape)
    assert isinstance(caught.value, AssertionError)
