from __future__ import annotations

import shlex

from villani_verify.report.commands import replay_command, replay_python, reproduce_command


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
    assert shlex.split(replay_command("smoothness")) == ["villani-verify", "replay", "results.json", "--criterion", "smoothness"]
    compile(replay_python("smoothness"), "replay", "exec")
