from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from villani_verify.theory.pac_bayes.binary_kl import kl_inverse_upper
from villani_verify.theory.pac_bayes.study import PRIOR_PRECISIONS

TINY = ("pac-bayes", "--landscape", "gpt-neo-tiny", "--sequences", "30", "--draws", "40")


def test_one_object_with_everything(run):
    grid = ("--prior-precision", "1", "--prior-precision", "10", "--posterior-sd", "0.01", "--posterior-sd", "0.3")
    outcome = run(*TINY, *grid, "--delta", "0.02", "--monte-carlo-delta", "0.03", "--seed", "4", "--json", "-")
    assert outcome.status == 0
    results = json.loads(outcome.out)
    best = results["certificate"]
    assert {
        "bound", "bound_in_units", "bounds", "divergence", "n", "num_draws", "empirical_loss", "held_out_loss", "vacuous", "level",
        "reaches_one", "no_better_than_uniform",
    } <= set(best)  # fmt: skip
    assert (best["n"], best["num_draws"], results["seed"], results["dimension"]) == (30, 40, 4, 822)
    assert best["level"] == pytest.approx(0.95)
    assert [r["prior_precision"] for r in results["over_precision"]] == [1, 10]
    assert [r["posterior_sd"] for r in results["over_deviation"]] == [0.01, 0.3]
    assert results["loss"] == {"name": "token-error", "scale": 1, "unit": "errors per token", "uniform": pytest.approx(6 / 7)}
    assert results["held_out"]["size"] == 30
    assert results["request"]["landscape"] == "gpt-neo-tiny"
    # The bound from its parts, as the docs state it.
    nats = (best["divergence"] + math.log(2 * math.sqrt(30) * 2 / 0.02)) / 30
    assert best["bound"] == pytest.approx(kl_inverse_upper(best["empirical_loss"]["interval"][1], nats), rel=1e-9)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(run):
    def measured(seed: int) -> dict:
        results = json.loads(run(*TINY, "--posterior-sd", "0.2", "--seed", seed, "--json", "-").out)
        return {k: v for k, v in results.items() if k not in ("seconds", "seed")}

    assert measured(1) == measured(1)
    assert measured(1)["certificate"]["empirical_loss"] != measured(2)["certificate"]["empirical_loss"]


def test_default_precisions_are_the_grid_and_the_weight_decay(run):
    for decay, expected in ((None, set(PRIOR_PRECISIONS)), ("0.25", {*PRIOR_PRECISIONS, 0.25})):
        options = () if decay is None else ("--weight-decay", decay)
        results = json.loads(run(*TINY, *options, "--posterior-sd", "0.1", "--json", "-").out)
        assert set(results["prior"]["precisions"]) == expected


def test_variances_are_precisions(run):
    variance, precision = (
        json.loads(run(*TINY, "--posterior-sd", "0.1", *option, "--json", "-").out)["certificate"]
        for option in (("--prior-variance", "0.25"), ("--prior-precision", "4"))
    )
    assert variance == precision


def test_tables_and_sentences(run):
    outcome = run(*TINY, "--loss", "clipped-cross-entropy", "--clip", "3", "--relative-sd", "--posterior-sd", "0.5")
    assert outcome.status == 0
    for part in (
        "gpt-neo-tiny: 822 parameters", "nats per token, at most 3", "n = 30 sequences", "best σ for each λ", "McAllester",
        "VACUOUS", "held out", "not trained on", "by construction",
    ):  # fmt: skip
        assert part in outcome.out
    assert "conditions" not in outcome.err


def test_figure_and_directory(run, tmp_path: Path):
    outcome = run(*TINY, "--figure", tmp_path / "f.svg", "--out", tmp_path / "report", "--json", tmp_path / "r.json")
    assert outcome.status == 0
    assert sorted(p.name for p in (tmp_path / "report").iterdir()) == ["pac-bayes.svg", "results.json"]
    assert ET.parse(tmp_path / "f.svg").getroot().tag.endswith("svg")
    results = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "report" / "results.json").read_text(encoding="utf-8")) == results
    assert len(results["over_precision"]) == len(PRIOR_PRECISIONS)


def test_the_small_model_is_the_default_and_its_initialisation_a_prior(run):
    small = ("pac-bayes", "--sequences", "10", "--draws", "2", "--rows-per-draw", "2", "--posterior-sd", "0.03", "--json", "-")
    zero, initial = (json.loads(run(*small, *option).out) for option in ((), ("--prior-mean", "initialisation")))
    assert zero["landscape"] == "gpt-neo-small"
    assert (zero["sample"]["seen_in_training"], zero["held_out"]["seen_in_training"]) == (True, False)
    assert (zero["prior"]["mean"], initial["prior"]["mean"]) == ("zero", "initialisation")
    # Training began there, so the parameters are nearer to it than to zero.
    divergences = [min(r["divergence"] for r in found["over_precision"]) for found in (zero, initial)]
    assert divergences[1] < divergences[0]


def test_a_directory_as_prior_mean(run, tmp_path: Path):
    from villani_verify.landscapes.architectures import gpt2_tiny, gpt_neo_tiny

    model = gpt_neo_tiny()
    model.save_pretrained(tmp_path / "same")
    gpt2_tiny().save_pretrained(tmp_path / "other")
    for parameter in model.parameters():
        parameter.data.add_(0.01)
    model.save_pretrained(tmp_path / "before")
    options = ("--prior-precision", "1", "--posterior-sd", "1")
    outcome = run(*TINY, *options, "--prior-mean", tmp_path / "before", "--json", "-")
    assert outcome.status == 0
    assert json.loads(outcome.out)["certificate"]["divergence"] == pytest.approx(0.5 * 822 * 0.01**2, rel=1e-6)
    for name, part in (("same", "it equals the posterior mean"), ("other", "give a model of the same architecture")):
        outcome = run(*TINY, *options, "--prior-mean", tmp_path / name)
        assert outcome.status == 2
        assert part in outcome.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--prior-precision", "0"], ("prior precision 0.0", "no prior")),
        (["--prior-precision", "-1"], ("prior precision -1.0",)),
        (["--prior-variance", "inf"], ("prior variance inf",)),
        (["--prior-variance", "1", "--prior-precision", "1"], ("--prior-variance", "exclude each other")),
        (["--weight-decay", "0"], ("weight decay 0", "--prior-precision")),
        (["--posterior-sd", "0"], ("posterior standard deviation 0.0",)),
        (["--delta", "0"], ("delta 0.0",)),
        (["--delta", "1"], ("delta 1.0",)),
        (["--delta", "0.5", "--monte-carlo-delta", "0.5"], ("add up to 1",)),
        (["--draws", "0"], ("draws 0",)),
        (["--rows-per-draw", "0"], ("rows per draw 0",)),
        (["--sequences", "7"], ("sample of 7 sequences", "at least 8", "--sequences")),
        (["--held-out-sequences", "0"], ("held-out sequences 0",)),
        (["--held-out-split", "train"], ("it is the split of the sample itself",)),
        (["--loss", "cross-entropy"], ("loss 'cross-entropy'", "'clipped-cross-entropy'")),
        (["--clip", "3"], ("clip 3", "clipped-cross-entropy")),
        (["--loss", "clipped-cross-entropy", "--clip", "-1"], ("clip -1.0",)),
        (["--prior-mean", ""], ("prior mean ''", "zero")),
        (["--prior-mean", "."], ("prior mean '.'", "config.json")),
        (["--held-out-split", ""], ("--held-out-split", "empty")),
        (["--prior-mean", "trained"], ("prior mean 'trained'", "zero")),
        (["--prior-mean", "initialisation"], ("initialisation of 'gpt-neo-tiny'", "not known")),
        (["--prior-precision", "1e300", "--posterior-sd", "1e200"], ("overflows",)),
        (["--figure", "nowhere/f.svg"], ("figure 'nowhere/f.svg'", "no directory")),
        (["--json", "nowhere/r.json"], ("JSON file",)),
        (["--sequences", "100000"], ("sentences of their own", "fewer or shorter")),
    ],
)
def test_wrong_requests_are_one_line(run, arguments, parts, tmp_path: Path):
    outcome = run(*TINY, *arguments, "--out", tmp_path / "report")
    assert outcome.status == 2
    assert outcome.out == ""
    assert not (tmp_path / "report").exists()
    # Progress may have come before it.
    lines = [line for line in outcome.err.splitlines() if not re.match(r"\[ *\d+ s\]", line)]
    assert len(lines) == 1
    for part in parts:
        assert part in lines[0]


@pytest.mark.parametrize(("landscape", "part"), [("double-well", "no data"), ("logistic-regression", "no data")])
def test_a_formula_does_not_generalise(run, landscape, part):
    outcome = run("pac-bayes", "--landscape", landscape)
    assert outcome.status == 2
    assert part in outcome.err.splitlines()[-1]


def test_an_occupied_output(run, tmp_path: Path):
    (tmp_path / "precious").touch()
    outcome = run(*TINY, "--out", tmp_path)
    assert outcome.status == 2
    assert "not empty" in outcome.err
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]


def test_a_request_to_stop_writes_nothing(run, tmp_path: Path, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("villani_verify.theory.pac_bayes.study.gibbs_draws", interrupt)
    outcome = run(*TINY, "--out", tmp_path / "report", "--json", tmp_path / "r.json")
    assert outcome.status == 130
    assert outcome.err.splitlines()[-1] == "villani-verify: interrupted"
    assert list(tmp_path.iterdir()) == []
