"""The figure and the sentences of a PAC-Bayes result."""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from villani_verify.report.figures.pac_bayes import draw_pac_bayes
from villani_verify.report.words_pac_bayes import held_out_words, verdict_words


def loss_row(value: float, half: float, scale: float, delta: float = 0.01) -> dict[str, Any]:
    interval = [value - half, value + half]
    return {
        "value": value, "interval": interval, "delta": delta, "num_values": 100, "value_in_units": value * scale,
        "interval_in_units": [scale * end for end in interval],
    }  # fmt: skip


def certificate(precision: float, bound: float, scale: float = 1.0, uniform: float | None = 0.9) -> dict[str, Any]:
    no_better = None if uniform is None else bound >= uniform
    return {
        "prior_precision": precision, "posterior_sd": 0.01, "divergence": 100 * precision,
        "divergence_per_draw": precision, "n": 100,
        "bound": bound, "bound_in_units": bound * scale, "inequality": "maurer-seeger",
        "bounds": {"maurer-seeger": bound, "catoni": bound + 0.01, "mcallester": 2 * bound}, "level": 0.95,
        "empirical_loss": loss_row(0.2, 0.05, scale), "held_out_loss": loss_row(0.25, 0.05, scale, 0.05),
        "vacuous": bound >= 1 or bool(no_better), "reaches_one": bound >= 1, "no_better_than_uniform": no_better, "n_needed": 1234,
    }  # fmt: skip


def results(bounds: dict[float, float], *, scale: float = 1.0, uniform: float | None = 0.9) -> dict[str, Any]:
    rows = [certificate(precision, bound, scale, uniform) for precision, bound in bounds.items()]
    return {
        "valid": True,
        "loss": {"name": "token-error", "scale": scale, "unit": "errors per token", "uniform": uniform},
        "confidence": {"level": 0.95},
        "certificate": min(rows, key=lambda r: r["bound"]),
        "over_precision": rows,
        "sample": {"seen_in_training": True},
        "held_out": {"seen_in_training": False},
        "loss_at_mean": {"training_in_units": 0.1 * scale, "held_out": loss_row(0.15, 0.02, scale, 0.05)},
    }


def test_the_figure_shows_bounds_losses_and_their_names():
    figure = draw_pac_bayes(results({0.1: 0.8, 1.0: 0.6, 10.0: 0.7}))
    root = ET.fromstring(figure.svg)
    texts = {e.text for e in root.iter("{http://www.w3.org/2000/svg}text")}
    for part in (
        "Maurer–Seeger",
        "Catoni",
        "McAllester",
        "loss of Q held out",
        "uniform predictor",
        "prior precision λ",
        "errors per token",
    ):
        assert part in texts
    assert figure.name == "pac-bayes"
    assert "nan" not in " ".join(e.get("d", "") for e in root.iter()).lower()
    assert "λ = 0.1" in figure.see  # where the divergence is least
    styles = " ".join(e.get("style", "") for e in root.iter())
    assert not re.findall(r"#[0-9a-f]{6}", re.sub(r"var\(--figure-\w+, #[0-9a-f]{6}\)", "", styles))


def heights(figure, role: str) -> list[float]:
    uses = ET.fromstring(figure.svg).iter("{http://www.w3.org/2000/svg}use")
    return [float(u.get("y")) for u in uses if f"--figure-{role}," in u.get("style", "") and float(u.get("x")) > 0]


def test_a_bound_that_is_higher_is_drawn_higher_and_one_beyond_the_axis_at_its_edge():
    figure = draw_pac_bayes(results({0.1: 0.8, 1.0: 0.6, 10.0: 0.7}))
    first, second, third = heights(figure, "hue1")
    assert first < third < second  # y points down
    edge = min(heights(figure, "hue3"))
    assert edge < first
    assert heights(figure, "hue3").count(edge) == 3  # 1.6, 1.2 and 1.4 are all above 1.12


@pytest.mark.parametrize("scale", [0.5, 5.5])
def test_other_units_and_no_held_out_rows(scale: float):
    given = results({1.0: 0.6}, scale=scale, uniform=None)
    for row in (given["certificate"], *given["over_precision"]):
        row["held_out_loss"] = None
    given["loss_at_mean"]["held_out"] = given["held_out"] = None
    figure = draw_pac_bayes(given)
    assert "loss of Q held out" not in figure.svg
    assert "held out" not in held_out_words(given)


def test_a_bound_that_says_something():
    text = verdict_words(results({1.0: 0.6}))
    assert text.startswith(
        "With confidence 95\u00a0% the expected loss of Q is at most 0.6 errors per token (Maurer–Seeger, λ = 1,"
    )
    assert text.endswith(
        "It is below 1 errors per token, the largest loss there is, and 33\u00a0% below 0.9, that of the uniform predictor: "
        "it is not vacuous."
    )
    assert "vacuous" not in verdict_words(results({1.0: 0.6}, uniform=None))


@pytest.mark.parametrize(
    ("bound", "part"),
    [
        (1.0, "VACUOUS: it is not below 1 errors per token, the largest loss there is."),
        (
            0.95,
            "VACUOUS: it is below 1 errors per token, the largest loss there is, but not below 0.9, that of the",
        ),
    ],
)
def test_a_bound_that_says_nothing_says_so(bound: float, part: str):
    given = results({1.0: bound})
    assert part in verdict_words(given)
    assert "1,234 sequences" in verdict_words(given)
    given["certificate"]["n_needed"] = None
    assert "sequences to say" not in verdict_words(given)


def test_a_prior_that_cheats_is_no_bound():
    given = results({1.0: 0.1}) | {"valid": False}
    assert verdict_words(given).startswith("NOT A BOUND")


def test_what_was_trained_on_is_said():
    given = results({1.0: 0.6}, scale=2.0)
    text = held_out_words(given)
    assert "on the sample: 0.4, 99\u00a0% interval [0.3, 0.5] (trained on)" in text
    assert "held out: 0.5, 95\u00a0% interval [0.4, 0.6] (not trained on)" in text
    assert "Loss at w itself: 0.2 on the sample, 0.3 held out" in text
    unknown = copy.deepcopy(given)
    unknown["sample"]["seen_in_training"] = None
    assert "not known here" in held_out_words(unknown)
