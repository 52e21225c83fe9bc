from __future__ import annotations

import pytest

from villani_verify.criteria import CRITERION_NAMES
from villani_verify.criteria.result import Status
from villani_verify.report import words


def test_every_criterion_and_status_has_its_words():
    assert set(words.TITLES) == set(words.PLAIN) == set(CRITERION_NAMES)
    assert set(words.STATUS_WORDS) == set(words.STATUS_SYMBOLS) == set(words.STATUS_MEANINGS) == {str(s) for s in Status}


@pytest.mark.parametrize(
    ("statuses", "sentence"),
    [
        ({}, "No criterion was checked."),
        ({"smoothness": "supported"}, "The one criterion checked is supported: no counterexample was found."),
        (dict.fromkeys(CRITERION_NAMES, "supported"), "All 5 criteria are supported: no counterexample was found."),
        (
            dict.fromkeys(CRITERION_NAMES, "supported") | {"gaussian_tails": "refuted", "quadratic_growth": "refuted"},
            "3 of 5 criteria supported; no counterexample to Villani’s condition itself was found; "
            "refuted: quadratic growth and Gaussian tails.",
        ),
        (
            dict.fromkeys(CRITERION_NAMES, "inconclusive"),
            "None of 5 criteria supported; Villani’s condition itself is undecided; undecided: smoothness, quadratic growth, "
            "Gaussian tails and differential growth on typical rays.",
        ),
        ({"smoothness": "not_applicable"}, "None of 1 criteria supported; not applicable: smoothness."),
    ],
)
def test_headline_counts_and_names(build, make_results, statuses, sentence):
    criteria = {n: build.row(statuses[n], {}) for n in CRITERION_NAMES if n in statuses}
    assert words.headline(make_results(criteria=criteria)) == sentence


@pytest.mark.parametrize(
    ("change", "ending"),
    [
        ({}, "followed from radius 10 to 100, Ψ_s stays negative for every s above 0.011"),
        ({"every_temperature": True}, "s* falls, so Ψ_s ends up negative for every s, however small"),
        ({"mechanism": "gradient", "every_temperature": True}, "Ψ_s stays bounded for every s"),
        ({"mechanism": "gradient"}, "Ψ_s stays bounded for s = 0.02"),
        ({"kind": "of the future"}, "there are points going to infinity along which Ψ_s does not tend to infinity"),
    ],
)
def test_headline_says_how_villanis_condition_fails(make_results, change, ending):
    results = make_results()
    results["criteria"]["differential_growth_uniform"]["witness"] |= change
    assert words.headline(results).startswith("4 of 5 criteria supported; Villani’s condition itself is refuted: ")
    assert words.headline(results).endswith(ending + ".")


def test_headline_says_what_else_is_refuted(make_results):
    results = make_results()
    results["criteria"]["gaussian_tails"]["status"] = "refuted"
    assert words.headline(results).endswith("; also refuted: Gaussian tails.")


def test_expectations(build, make_results):
    def say(**rows):
        return words.expectation(make_results(criteria={n: build.row(r.pop("status"), {}, **r) for n, r in rows.items()}))

    assert say(smoothness={"status": "supported"}).startswith("As hoped: no answer was known")
    known = {"status": "refuted", "expected": "refuted", "as_expected": True}
    assert say(smoothness=dict(known)).startswith("As expected: every verdict is")
    both = say(smoothness=dict(known), quadratic_growth={"status": "inconclusive"})
    assert both == "As expected: every verdict known beforehand was met, and nothing else was refuted."
    wrong = say(
        smoothness={"status": "inconclusive", "expected": "refuted", "as_expected": False}, gaussian_tails={"status": "refuted"}
    )
    assert wrong == (
        "Not as expected: Smoothness should be refuted and is inconclusive; no answer was known beforehand for Gaussian tails, and "
        "there a refutation counts as unexpected."
    )


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (None, "as given in Python"),
        ({"landscape": "double-well", "dataset": "embedded"}, "none: the loss is a formula"),
        ({"landscape": "mine.py:make", "dataset": "embedded"}, "as mine.py:make gives it"),
        ({"model": "gpt2", "dataset": "ptb", "sequence_length": 9, "tokenizer": "bytes"}, "ptb, 9 tokens each, tokenizer bytes"),
    ],
)
def test_text(request_, text):
    assert words.text_words(request_) == text


def test_decay_is_grouped_by_value_with_the_largest_first():
    assert words.decay_words(0) == "0 on every tensor"
    assert words.decay_words({"b": 0.0, "a": 0.1, "c": 0.0}) == "0.1 on a; 0 on b and c"
