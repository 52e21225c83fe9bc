from __future__ import annotations

import shlex

from villani_verify.report.commands import replay_command, replay_python, reproduce_command, witness_program


def test_every_field_of_the_request_becomes_an_option(make_results):
    request = {
        "landscape": None,
        "model": "my models/gpt; rm -rf",
        "dataset": "ptb",
        "data_dir": "data",
        "tokenizer": "bytes",
        "split": "valid",
        "sequences": 1,
        "sequence_length": 128,
        "weight_decay": 0.1,
        "no_decay": ["*.bias", "ln_*"],
        "device": "cpu",
        "dtype": None,
    }
    command = reproduce_command(make_results(landscape={"request": request}, temperatures=[0.01]))
    assert shlex.split(command) == [
        "villani-verify", "verify", "--model", "my models/gpt; rm -rf", "--dataset", "ptb", "--data-dir", "data", "--tokenizer",
        "bytes", "--split", "valid", "--sequences", "1", "--sequence-length", "128", "--weight-decay", "0.1", "--no-decay",
        "*.bias", "--no-decay", "ln_*", "--device", "cpu", "--temperature", "0.01", "--budget", "quick", "--seed", "7", "--engine",
        "reverse",
    ]  # fmt: skip


def test_a_subset_of_the_criteria_is_named(make_results, build):
    results = make_results(criteria={"smoothness": build.row("supported", {})})
    assert reproduce_command(results).endswith("--criteria smoothness")
    results = make_results(criteria={"smoothness": build.row("supported", {})}, landscape={"request": None}, temperatures=[0.5])
    python = reproduce_command(results)
    assert "temperatures=[0.5], criteria=['smoothness'])" in python
    compile(python, "reproduce", "exec")


def test_replaying():
    words = ["villani-verify", "replay", "my results.json", "--criterion", "smoothness"]
    assert shlex.split(replay_command("my results.json", {"landscape": "double-well"}, "smoothness")) == words
    assert shlex.split(replay_command("my results.json", {"model": "a:b", "landscape": None})) == words[:3]
    code = {"landscape": "my file.py:make"}
    assert shlex.split(replay_command("my results.json", code, "smoothness")) == [*words, "--landscape", "my file.py:make"]
    compile(replay_python("smoothness"), "replay", "exec")


BOUNDED = {"kind": "bounded-family", "parameters": [1000.0, 2000.0, 1e4]}


def test_a_counterexample_is_five_lines_that_run(capsys):
    off = "transformer.h.1.mlp.c_proj.weight"
    scaled = {"transformer.h.1.ln_2.weight": 1, "transformer.h.1.mlp.c_fc.weight": 1}
    witness = BOUNDED | {"family": {"type": "scaling", "exponents": scaled, "zeroed": [off]}}
    request = {"landscape": "gpt-neo-tiny", "dataset": "embedded", "no_decay": [], "sequences": 1, "device": "cpu"}
    program = witness_program(witness, request)
    assert program is not None
    assert len(program.splitlines()) == 5
    assert "LandscapeRequest(landscape='gpt-neo-tiny', sequences=1).load()" in program
    exec(program, {})
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [float(r) for r, _ in rows] == BOUNDED["parameters"]
    temperatures = [float(s) for _, s in rows]
    # Four decades of ‖θ‖⁴ in both ΔF and ‖∇F‖²: their ratio stays.
    assert 0 < max(temperatures) < 1.1 * min(temperatures)


def test_rays_and_stationary_points_are_built_as_well():
    ray = {"type": "ray", "kind": "sparse", "seed": 3, "index": 1, "base": "origin", "tensor": None}
    program = witness_program(BOUNDED | {"family": ray}, None)
    assert program is not None
    assert "family = Ray('sparse', 3, 1, 'origin', None)" in program
    assert "LandscapeRequest" not in program
    settled = {"type": "scaling", "exponents": {"a": 2}, "zeroed": ["b"], "settled": 600}
    program = witness_program(BOUNDED | {"family": settled}, None)
    assert program is not None
    assert "Scaling({'a': 2}, ('b',), settled=600)" in program
    compile(program, "witness", "exec")


def test_other_witnesses_have_no_program():
    assert witness_program({"kind": "ray-kink"}, None) is None
    assert witness_program(BOUNDED | {"family": {"type": "listed", "radii": [], "points": []}}, None) is None
